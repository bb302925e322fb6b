import Testing

@testable import DelayQueueTestKit

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

@Suite("Supervisor", .timeLimit(.minutes(4)))
struct SupervisorTests {
    @Test func killedTestProcessLeavesNothingBehind() async throws {
        let result = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            let cluster = try await LocalCluster.start(nodes: 2, binlog: true)
            // One that is down has a folder, and one that is suspended cannot react to anything but being killed.
            await cluster.nodes[0].kill()
            try await cluster.nodes[1].suspend()
            let redis = try #require(cluster.redis)
            for processID in [await cluster.nodes[1].processID, await redis.processID] {
                print("process", try #require(processID), terminator: ";")
            }
            for folder in cluster.nodes.map(\.folder) + [redis.folder] {
                print("folder", folder, terminator: ";")
            }
            fflush(nil)
            raise(SIGKILL)
        }
        let output = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        let facts = output.split(separator: ";")
        let processIDs = facts.compactMap { $0.hasPrefix("process ") ? Int32($0.dropFirst(8)) : nil }
        let folders = facts.compactMap { $0.hasPrefix("folder ") ? String($0.dropFirst(7)) : nil }
        #expect(processIDs.count == 2)
        #expect(folders.count == 3)
        for processID in processIDs { #expect(try await happens { !exists(processID: processID) }) }
        for folder in folders { #expect(try await happens { !exists(path: folder) }) }
    }

    @Test func endOfInputEndsAServerThatIgnoresRequestsToEnd() async throws {
        let process = SupervisedProcess()
        let folder = try await process.open(
            name: "stubborn", command: ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 60; done"])
        try await process.start()
        let processID = try #require(await process.processID)
        #expect(try await happens { contents(of: "\(folder)/output.log") == "ready\n" })
        #expect(await process.signal(.terminate))
        #expect(exists(processID: processID))
        await process.close()
        #expect(!exists(processID: processID))
        #expect(!exists(path: folder))
    }

    @Test func exitStatusIsReported() async throws {
        let process = SupervisedProcess()
        _ = try await process.open(name: "status", command: ["sh", "-c", "exit 7"])
        try await process.start()
        await process.waitForExit()
        #expect(await process.lastStatus == 7)
        #expect(await process.processID == nil)
        #expect(await !process.signal(.kill))
        // The same supervisor starts it again.
        try await process.start()
        await process.waitForExit()
        #expect(await process.lastStatus == 7)
        await process.close()
        await #expect(throws: TestKitError.self) { try await process.start() }
        var exits: [Int] = []
        for await status in process.exits { exits.append(status) }
        #expect(exits == [7, 7])
    }

    @Test func manySignalsAtOnceAreAllAnswered() async throws {
        let process = SupervisedProcess()
        _ = try await process.open(name: "signals", command: ["sleep", "60"])
        try await process.start()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask { await process.signal(.suspend) }
                group.addTask { await process.signal(.resume) }
            }
            group.addTask { await process.signal(.kill) }
        }
        await process.waitForExit()
        #expect(await process.lastStatus == 128 + Int(SIGKILL))
        await process.close()
    }

    #if os(Linux)
        @Test func serversHoldNoDescriptorsOfOthers() async throws {
            try await withLocalCluster(nodes: 3) { cluster in
                var pipesOfSupervisors: [Set<String>] = []
                let ours = Set(descriptors(of: getpid()).values.filter { $0.hasPrefix("socket:") })
                #expect(!ours.isEmpty, "event loops, and whatever other tests do")
                for node in cluster.nodes {
                    let processID = try #require(await node.processID)
                    let own = descriptors(of: processID)
                    #expect(own[0] == "/dev/null")
                    #expect(own[1] == "\(node.folder)/output.log")
                    #expect(own[2] == "\(node.folder)/output.log")
                    #expect(own.values.filter { $0.hasPrefix("pipe:") } == [], "beanstalkd makes no pipes of its own")
                    #expect(ours.isDisjoint(with: own.values))
                    let supervisor = try #require(status(of: processID, "PPid").flatMap { Int32($0) })
                    pipesOfSupervisors.append(Set(descriptors(of: supervisor).values.filter { $0.hasPrefix("pipe:") }))
                    #expect(descriptors(of: supervisor).values.filter { $0.hasPrefix("socket:") } == [])
                }
                for (index, pipes) in pipesOfSupervisors.enumerated() {
                    #expect(pipes.count == 2, "its input and its output")
                    for other in pipesOfSupervisors[(index + 1)...] { #expect(pipes.isDisjoint(with: other)) }
                }
            }
        }

        @Test func serversStartWithDefaultSignalHandlingAndOurEnvironment() async throws {
            let process = SupervisedProcess()
            // A connection was made before: this process ignores SIGPIPE now.
            try await withBeanstalkd { _ = try await ask(port: $0.port, "list-tube-used") }
            _ = try await process.open(name: "mask", command: ["sleep", "60"])
            try await process.start()
            let processID = try #require(await process.processID)
            // Between the fork and the exec the shell's own handling shows.
            #expect(try await happens { contents(of: "/proc/\(processID)/comm") == "sleep\n" })
            let blocked = try #require(status(of: processID, "SigBlk").flatMap { UInt64($0, radix: 16) })
            let ignored = try #require(status(of: processID, "SigIgn").flatMap { UInt64($0, radix: 16) })
            #expect(blocked == 0)
            #expect(ignored & (1 << (UInt64(SIGPIPE) - 1)) == 0)
            #expect(ignored & (1 << (UInt64(SIGTERM) - 1)) == 0)
            let environment = contents(of: "/proc/\(processID)/environ")
            #expect(environment.contains("PATH="))
            #expect(!environment.contains("DQ_SUPERVISOR"))
            await process.close()
        }
    #endif
}
