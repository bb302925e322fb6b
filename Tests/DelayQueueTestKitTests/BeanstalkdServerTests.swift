import Testing

@testable import DelayQueueTestKit

@Suite("beanstalkd for tests", .timeLimit(.minutes(4)))
struct BeanstalkdServerTests {
    @Test func answersOnItsAddress() async throws {
        try await withBeanstalkd { server in
            #expect(server.address == "127.0.0.1:\(server.port)")
            try await expect(port: server.port, "list-tube-used", answer: "USING default")
            #expect(await server.isRunning)
            let processID = try #require(await server.processID)
            #expect(exists(processID: processID))
            #expect(exists(path: server.folder))
        }
    }

    @Test func stopEndsTheProcessAndRemovesTheFolder() async throws {
        let server = try await BeanstalkdServer.start(binlog: true)
        let processID = try #require(await server.processID)
        await server.stop()
        #expect(!exists(processID: processID))
        #expect(!exists(path: server.folder))
        #expect(await !server.isRunning)
        #expect(await server.processID == nil)
        await server.stop()
        let error = await #expect(throws: TestKitError.self) { try await server.restart() }
        #expect(error?.code == .stopped)
    }

    @Test func keptFolderStays() async throws {
        var options = BeanstalkdOptions()
        options.keepsFolder = true
        let server = try await BeanstalkdServer.start(binlog: true, options: options)
        await server.stop()
        #expect(exists(path: "\(server.folder)/binlog.1"))
        try await removeFolder(server.folder)
    }

    @Test func jobsSurviveAKillWithABinlog() async throws {
        try await withBeanstalkd(binlog: true) { server in
            try await expect(port: server.port, "put 1 0 60 5\r\nhello", answer: "INSERTED 1")
            let first = try #require(await server.processID)
            await server.kill()
            #expect(!exists(processID: first))
            #expect(await !server.isRunning)
            await #expect(throws: (any Error).self) { try await ask(port: server.port, "list-tube-used") }
            try await server.restart()
            try await expect(port: server.port, "peek 1", answer: "FOUND 1 5")
            #expect(await server.processID != first)
        }
    }

    @Test func jobsAreGoneAfterAKillWithoutABinlog() async throws {
        try await withBeanstalkd { server in
            try await expect(port: server.port, "put 1 0 60 5\r\nhello", answer: "INSERTED 1")
            await server.kill()
            try await server.restart()
            try await expect(port: server.port, "peek 1", answer: "NOT_FOUND")
        }
    }

    @Test func restartKillsARunningServerFirst() async throws {
        try await withBeanstalkd(binlog: true) { server in
            let first = try #require(await server.processID)
            try await server.restart()
            #expect(!exists(processID: first))
            try await expect(port: server.port, "list-tube-used", answer: "USING default")
        }
    }

    @Test func suspendedServerAcceptsButDoesNotAnswer() async throws {
        try await withBeanstalkd { server in
            let processID = try #require(await server.processID)
            try await server.suspend()
            #if os(Linux)
                #expect(status(of: processID, "State")?.hasPrefix("T") == true)
            #endif
            #expect(await server.isRunning)
            try await RawConnection.with(port: server.port) { connection in
                try await connection.send("list-tube-used\r\n")
                // It cannot answer while it is stopped, however long this waits.
                let answered = try await withThrowingTaskGroup(of: Bool.self) { group in
                    group.addTask { try await ask(port: server.port, "list-tube-used") != nil }
                    group.addTask {
                        try await Task.sleep(for: .milliseconds(100))
                        return false
                    }
                    defer { group.cancelAll() }
                    return try await group.next()
                }
                #expect(answered == false)
                try await server.resume()
                #if os(Linux)
                    #expect(status(of: processID, "State")?.hasPrefix("T") == false)
                #endif
                #expect(try await connection.line() == "USING default")
            }
        }
    }

    @Test func suspendedServerCanBeStopped() async throws {
        let server = try await BeanstalkdServer.start()
        try await server.suspend()
        let processID = try #require(await server.processID)
        await server.stop()
        #expect(!exists(processID: processID))
    }

    @Test func signalsNeedARunningServer() async throws {
        try await withBeanstalkd { server in
            await server.kill()
            await server.kill()
            let suspending = await #expect(throws: TestKitError.self) { try await server.suspend() }
            #expect(suspending?.code == .notRunning)
            let resuming = await #expect(throws: TestKitError.self) { try await server.resume() }
            #expect(resuming?.code == .notRunning)
        }
    }

    @Test func serverThatEndsByItselfIsSeen() async throws {
        try await withBeanstalkd { server in
            let processID = try #require(await server.processID)
            terminate(processID)
            #expect(try await happens { await !server.isRunning })
            try await server.restart()
            try await expect(port: server.port, "list-tube-used", answer: "USING default")
        }
    }

    @Test func optionsReachTheServer() async throws {
        var options = BeanstalkdOptions()
        options.maxJobSize = 10
        options.binlogFileSize = 8192
        options.binlogSyncInterval = .zero
        options.isVerbose = true
        try await withBeanstalkd(binlog: true, options: options) { server in
            try await expect(port: server.port, "put 1 0 60 11\r\nhello world", answer: "JOB_TOO_BIG")
            try await RawConnection.with(port: server.port) { connection in
                try await connection.send("stats\r\n")
                var lines: [String] = []
                while lines.count < 2, let line = try await connection.line() { lines.append(line) }
                let statistics = connection.pieces.joined()
                #expect(statistics.contains("\nmax-job-size: 10\n"))
                #expect(statistics.contains("\nbinlog-max-size: 8192\n"))
            }
            #expect(exists(path: "\(server.folder)/binlog.1"))
            #expect(await server.output().contains("stats"))
        }
    }

    @Test func fixedPortIsUsedAgainAfterStop() async throws {
        let first = try await BeanstalkdServer.start()
        var options = BeanstalkdOptions()
        options.port = first.port
        let clash = await #expect(throws: TestKitError.self) { try await BeanstalkdServer.start(options: options) }
        #expect(clash?.code == .portTaken)
        await first.stop()
        try await withBeanstalkd(options: options) { second in
            #expect(second.port == first.port)
        }
    }

    @Test func missingExecutableNamesPackageAndPlaces() async throws {
        var options = BeanstalkdOptions()
        options.executable = "no-such-beanstalkd"
        let error = await #expect(throws: TestKitError.self) { try await BeanstalkdServer.start(options: options) }
        #expect(error?.code == .executableNotFound)
        let message = try #require(error?.message)
        #expect(message.contains("no-such-beanstalkd"))
        #expect(message.contains("apt install beanstalkd"))
        #expect(message.contains("brew install beanstalkd"))
        for place in ["/usr/bin", "/usr/local/bin", "/usr/sbin", "/opt/homebrew/bin"] {
            #expect(message.contains(place))
        }
    }

    @Test func earlyEndCarriesTheOutput() async throws {
        var options = BeanstalkdOptions()
        options.extraArguments = ["--nonsense"]
        let error = await #expect(throws: TestKitError.self) { try await BeanstalkdServer.start(options: options) }
        #expect(error?.code == .exitedEarly)
        #expect(error?.message.contains("Use: ") == true, "\(String(describing: error))")
    }

    @Test func cancelledStartLeavesNothing() async throws {
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await BeanstalkdServer.start()
        }
        switch await task.result {
        case .success(let server):
            // It may be ready before anything looks at the cancellation.
            await server.stop()
        case .failure(let error):
            #expect(error is CancellationError)
        }
    }

    @Test func droppedServerEnds() async throws {
        var server: BeanstalkdServer? = try await BeanstalkdServer.start()
        let processID = try #require(await server?.processID)
        let folder = try #require(server?.folder)
        server = nil
        #expect(try await happens { !exists(processID: processID) && !exists(path: folder) })
    }

    @Test func statisticsOfAStrangerAreNotReadiness() async throws {
        #expect(BeanstalkdServer.judge("OK 900\r\n---\npid: 12\nversion", processID: 12) == true)
        #expect(BeanstalkdServer.judge("OK 900\r\n---\npid: 13\nversion", processID: 12) == false)
        #expect(BeanstalkdServer.judge("OK 900\r\n---\npid: 12", processID: 12) == nil)
        #expect(BeanstalkdServer.judge("OK 900\r\n---\ncurrent-jobs", processID: 12) == nil)
    }
}
