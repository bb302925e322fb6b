import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import Testing

/// Calls of `at` on a slow network, where every message is under way for a while, and so every await takes some time.
@Suite("Cancelled calls", .serialized, .timeLimit(.minutes(4)))
struct CancellationTests {
    enum Caller: CaseIterable {
        case withoutLedger, withGeneratedID, withOwnID, replacing
    }

    /// How long a message is under way; nothing that a call waits for takes less than two of them.
    private static let way = Duration.milliseconds(4)
    /// At so many moments calls are cancelled.
    private static let moments = 96
    /// How many calls are under way at once.
    private static let width = 4

    private struct Outcome: Sendable {
        let body: String
        let result: Result<Receipt, DelayQueueError>
    }

    @Test(arguments: Caller.allCases)
    func `a call that is cancelled at any of its awaits has its receipt, or its job never runs`(
        caller: Caller
    ) async throws {
        try await Scenario.run { scenario in
            try await withSlowNetwork(scenario) { nodes, ledgerURL in
                let elsewhere = try nodes.map { try BeanstalkNode("\($0.address)", tube: "elsewhere") }
                let whole = try await ContinuousClock().measure {
                    _ = try await call(caller, 0, elsewhere, ledgerURL, cancelledAfter: nil).result.get()
                }
                let moments = (0..<Self.moments).map { whole * 3 * $0 / Self.moments }
                var outcomes: [Outcome] = []
                try await withThrowingTaskGroup(of: Outcome.self) { group in
                    for (number, moment) in moments.enumerated() {
                        if number >= Self.width, let outcome = try await group.next() { outcomes.append(outcome) }
                        group.addTask {
                            try await call(
                                caller, number + 1, nodes, ledgerURL, cancelledAfter: moment)
                        }
                    }
                    for try await outcome in group { outcomes.append(outcome) }
                }
                var accepted: Set<String> = []
                for outcome in outcomes {
                    switch outcome.result {
                    case .success: accepted.insert(outcome.body)
                    case .failure(let error): #expect(error.code == .cancelled, "\(outcome.body): \(error)")
                    }
                }
                #expect(!accepted.isEmpty && accepted.count < outcomes.count, "of \(outcomes.count)")
                // Whatever was left of the others, a consumer finds.
                let consumer = try scenario.consumer()
                let tally = Tally()
                try await scenario.closing(nil, consumer) {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await consumer.run(concurrency: 8) { job in _ = tally.record(job) } }
                        try await scenario.nodesAreEmpty()
                        group.cancelAll()
                    }
                }
                let ran = tally.runs.map(\.text)
                #expect(ran.count == Set(ran).count)
                // In the place of a job that was to be replaced, and was not, that one runs.
                #expect(Set(ran.filter { !$0.hasPrefix("old") }) == accepted)
                #expect(
                    ran.count { $0.hasPrefix("old") }
                        == (caller == .replacing ? outcomes.count - accepted.count : 0))
            }
        }
    }

    /// Schedules one job, in a process's first call: connections are made for it.
    private func call(
        _ caller: Caller, _ number: Int, _ nodes: [BeanstalkNode], _ ledgerURL: String,
        cancelledAfter moment: Duration?
    ) async throws -> Outcome {
        let ledger = caller == .withoutLedger ? nil : try RedisLedger(ledgerURL, logger: Scenario.logger)
        let producer = try Producer(nodes: nodes, ledger: ledger, logger: Scenario.logger)
        // Nobody consumes before all calls are over.
        let date = Date(timeIntervalSinceNow: 4)
        var options = JobOptions()
        if caller == .withOwnID || caller == .replacing { options.id = try JobID("job-\(number)") }
        if caller == .replacing {
            _ = try await producer.at(date, "old \(number)", options: options)
            options.idConflict = .replace
        }
        let call = Task { [options] () async throws(DelayQueueError) in
            try await producer.at(date, "\(number)", options: options)
        }
        if let moment {
            // The moment is what is tried: nothing tells of a call's awaits.
            try await Task.sleep(for: moment)
            call.cancel()
        }
        let result: Result<Receipt, DelayQueueError>
        do {
            result = .success(try await call.value)
        } catch let error as DelayQueueError {
            result = .failure(error)
        }
        // Waits for answers still under way too: a copy that is stored late is deleted by whoever wrote it.
        await producer.close()
        await ledger?.close()
        return Outcome(body: "\(number)", result: result)
    }

    private func withSlowNetwork(
        _ scenario: Scenario, _ body: ([BeanstalkNode], String) async throws -> Void
    ) async throws {
        let redis = try #require(scenario.cluster.redis)
        var proxies: [FaultProxy] = []
        for port in scenario.cluster.nodes.map(\.port) + [redis.port] {
            let proxy = try await FaultProxy.start(to: port)
            await proxy.set(.delay(Self.way))
            proxies.append(proxy)
        }
        let nodes = try proxies.dropLast().map { try BeanstalkNode($0.address, tube: scenario.tube) }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(nodes, redis.url(through: proxies[nodes.count].port)))
        } catch {
            result = .failure(error)
        }
        for proxy in proxies { await proxy.stop() }
        try result.get()
    }
}
