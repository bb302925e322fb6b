import DelayQueueTestKit
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Servers that end by themselves are started again, and those that a fault keeps down are not.
@Suite(.timeLimit(.minutes(2))) struct ServerPlaceTests {
    private func withPlace(
        _ work: @escaping @Sendable (ServerPlace, BeanstalkdServer, Chronicle) async throws -> Void
    ) async throws {
        let folder = try RoundFolder(seed: 0)
        defer { folder.removeAll() }
        try await withBeanstalkd(binlog: true) { node in
            let chronicle = Chronicle(
                History(seed: 0, nodes: 1, lease: ChaosPlan.lease, began: .now(), calmed: .now()))
            let place = ServerPlace(.node(0), node, folder: folder, chronicle: chronicle)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await place.supervise() }
                group.addTask { try await work(place, node, chronicle) }
                try await group.next()
                group.cancelAll()
            }
        }
    }

    private func crash(_ node: BeanstalkdServer) async throws {
        let process = try #require(await node.processID)
        #expect(kill(process, SIGSEGV) == 0)
    }

    @Test func aServerThatCrashesIsStartedAgainAndTold() async throws {
        try await withPlace { place, node, chronicle in
            for crashes in 1...2 {
                try await crash(node)
                for await count in chronicle.faultCounts where count == crashes { break }
                #expect(await node.isRunning)
            }
            for fault in await chronicle.history.faults {
                #expect(fault.kind == .crash && fault.target == .server(.node(0)))
                #expect(fault.detail?.hasPrefix("signal 11") == true)
            }
        }
    }

    @Test func whatAFaultHasKilledIsNoCrashAndStaysDownUntilItIsBroughtBack() async throws {
        try await withPlace { place, node, chronicle in
            for _ in 0..<3 {
                await place.kill()
                #expect(await !node.isRunning)
                try await place.bringBack()
                #expect(await node.isRunning)
            }
            #expect(try await place.suspend())
            try await place.resume()
            // What is told comes in order.
            try await crash(node)
            for await _ in chronicle.faultCounts { break }
            #expect(await chronicle.history.faults.count == 1)
        }
    }
}
