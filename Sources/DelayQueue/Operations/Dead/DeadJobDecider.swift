import Beanstalk
import NIOConcurrencyHelpers
import PipelinedTransport

/// Carries out decisions about dead jobs, many at a time.
struct DeadJobDecider: Sendable {
    /// How many jobs are decided together: an interruption waits for so many.
    static let batchSize = 500

    /// How many copies a node is asked about in one batch; each may be a large record.
    private static let copiesAtOnce = 64

    private static let timeout = Duration.seconds(5)
    private static let waits: [Duration] = [.milliseconds(100), .milliseconds(400), .seconds(1), .seconds(2)]

    /// How often a copy that somebody has reserved is tried again, and the pause between two tries.
    private static let patience = (tries: 30, pause: Duration.milliseconds(100))

    let operations: QueueOperations
    /// Whether the caller wants no more: what was begun is ended, and nothing else begun.
    let isCancelled: NIOLockedValueBox<Bool>

    /// - Returns: an outcome a job, in order.
    func decide(
        _ kind: DeadJobDecision.Kind, _ jobs: [DeadJob], progress: @Sendable (Int) -> Void
    ) async -> [DeadJobOutcome] {
        var decisions: [DeadJobDecision] = []
        for start in stride(from: 0, to: jobs.count, by: Self.batchSize) {
            var decision = DeadJobDecision(
                kind, Array(jobs[start..<min(start + Self.batchSize, jobs.count)]), queue: operations.queueName,
                nodes: operations.places.map(\.node), timing: operations.configuration.timing)
            if !wantsNoMore {
                await tellLedger(&decision)
                decision.beginAdvancing()
                await advance(&decision)
                progress(min(start + Self.batchSize, jobs.count))
            }
            decisions.append(decision)
        }
        // Those that somebody holds have had their time meanwhile.
        for _ in 0..<Self.patience.tries {
            let waiting = decisions.indices.filter { !decisions[$0].advances.isEmpty }
            guard !waiting.isEmpty else { break }
            try? await Task.sleep(for: Self.patience.pause)
            for index in waiting { await advance(&decisions[index]) }
        }
        return decisions.flatMap(\.outcomes)
    }

    private var wantsNoMore: Bool { isCancelled.withLockedValue { $0 } }

    private func tellLedger(_ decision: inout DeadJobDecision) async {
        var waits = Self.waits[...]
        while true {
            let requests = decision.requests
            guard !requests.isEmpty else { return }
            decision.answered(await operations.carrier.perform(requests))
            guard !decision.requests.isEmpty, !wantsNoMore, let wait = waits.popFirst() else { return }
            try? await Task.sleep(for: wait)
        }
    }

    private func advance(_ decision: inout DeadJobDecision) async {
        let advances = decision.advances
        let outcomes = await withTaskGroup(of: [(DeadJobDecision.Advance, CopyAdvance.Outcome)].self) { group in
            for place in operations.places {
                guard let advances = advances[place.node.address] else { continue }
                group.addTask {
                    var outcomes: [(DeadJobDecision.Advance, CopyAdvance.Outcome)] = []
                    for start in stride(from: 0, to: advances.count, by: Self.copiesAtOnce) {
                        outcomes += await Self.advance(
                            advances[start..<min(start + Self.copiesAtOnce, advances.count)], on: place)
                    }
                    return outcomes
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        decision.advanced(outcomes.map { (advance: $0.0, outcome: $0.1) })
    }

    private static func advance(
        _ advances: ArraySlice<DeadJobDecision.Advance>, on place: QueueOperations.Place
    ) async -> [(DeadJobDecision.Advance, CopyAdvance.Outcome)] {
        let look = await place.connection.execute(advances.flatMap(\.advance.look), timeout: timeout)
        var replies = look.replies[...]
        var commands: [(advance: DeadJobDecision.Advance, commands: [BeanstalkCommand])] = []
        for advance in advances {
            let count = advance.advance.look.count
            commands.append((advance, advance.advance.commands(after: Array(replies.prefix(count)))))
            replies = replies.dropFirst(count)
        }
        let outcome = await place.connection.execute(
            commands.flatMap(\.commands), generation: look.generation, timeout: timeout)
        replies = outcome.replies[...]
        return commands.map { advance, commands in
            defer { replies = replies.dropFirst(commands.count) }
            guard !commands.isEmpty else { return (advance, .notFound) }
            return (advance, advance.advance.outcome(of: Array(replies.prefix(commands.count))))
        }
    }
}
