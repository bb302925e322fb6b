import Beanstalk
import PipelinedTransport
import Testing

@testable import DelayQueue

@Suite("Deciding about dead jobs")
struct DeadJobDecisionTests {
    private func job(_ id: String, on copies: [(String, UInt64)] = [("a", 1)]) throws -> DeadJob {
        let report = DeathReport(
            reason: "r", consumer: "c",
            copies: try copies.map { StoredCopy(try BeanstalkNode($0.0).address, BeanstalkJobID($0.1)) })
        return try #require(
            DeadJob(
                LedgerKey(queue: .default, id: try JobID(id)),
                .dead(
                    .random(), attempt: 1, failures: JobFailures(errors: 1), at: Timestamp(microseconds: 5), report)))
    }

    private func decision(_ kind: DeadJobDecision.Kind, _ jobs: [DeadJob]) throws -> DeadJobDecision {
        DeadJobDecision(
            kind, jobs, queue: .default, nodes: try ["a", "b"].map { try BeanstalkNode($0) }, timing: .init())
    }

    private let outage = DelayQueueError(.ledgerUnavailable, "away", isRetriable: true)

    @Test func `a repeated request has the same owner, and only what is unanswered is repeated`() throws {
        var decision = try decision(.replay, [job("x"), job("y"), job("z")])
        let first = decision.requests
        #expect(first.map(\.key.jobID.description) == ["x", "y", "z"])
        decision.answered([.success(.replayed), .failure(outage), .success(.finished(.done))])
        #expect(decision.requests == [first[1]])
        decision.answered([.success(.replayed)])
        #expect(decision.requests.isEmpty)
        decision.beginAdvancing()
        #expect(decision.outcomes.map(\.state) == [.decided, .decided, .notDead])
        #expect(decision.outcomes.map { $0.error == nil } == [true, true, true])
        // What was not dead is left where it lies.
        #expect(decision.advances.values.flatMap(\.self).map(\.job) == [0, 1])
    }

    @Test func `what the ledger did not answer fails, and its copies are made ready all the same`() throws {
        var decision = try decision(.replay, [job("x")])
        decision.answered([.failure(outage)])
        decision.beginAdvancing()
        #expect(decision.outcomes[0].state == .failed)
        #expect(decision.outcomes[0].error?.code == .ledgerUnavailable)
        #expect(decision.advances.count == 1)
        #expect(decision.requests.isEmpty)
    }

    @Test func `a refusal that lasts is not asked for again, and moves no copy`() throws {
        var decision = try decision(.drop, [job("x")])
        decision.answered([.failure(DelayQueueError(.ledgerMisconfigured, "no"))])
        #expect(decision.requests.isEmpty)
        decision.beginAdvancing()
        #expect(decision.advances.isEmpty)
        #expect(decision.outcomes[0].error?.code == .ledgerMisconfigured)
    }

    @Test func `a job whose copies all lie elsewhere is not replayed, and can be dropped`() throws {
        let jobs = [try job("x", on: [("elsewhere", 1)]), try job("y", on: [])]
        let replay = try decision(.replay, jobs)
        #expect(replay.requests.count == 1)
        #expect(replay.outcomes[0].state == .failed && replay.outcomes[0].error?.code == .invalidConfiguration)
        #expect(try decision(.drop, jobs).requests.count == 2)
    }

    @Test func `jobs that were not attended to say so`() throws {
        #expect(try decision(.replay, [job("x")]).outcomes.map(\.state) == [.untouched])
    }

    @Test func `a copy in somebody's hands is tried again until one of the job's is ready`() throws {
        var decision = try decision(
            .replay, [job("x", on: [("a", 1), ("b", 2)]), job("y", on: [("a", 3), ("b", 4)])])
        decision.answered([.success(.replayed), .success(.replayed)])
        decision.beginAdvancing()
        let all = decision.advances.values.flatMap(\.self)
        #expect(all.count == 4)
        decision.advanced(
            all.map { advance in
                let isReady = advance.job == 0 && advance.copy == 0
                return (advance, isReady ? .ready : advance.copy == 0 ? .notFound : .inSomebodysHands)
            })
        let rest = decision.advances.values.flatMap(\.self)
        #expect(rest.map(\.job) == [1])
        #expect(rest.map(\.copy) == [1])
        decision.advanced([(rest[0], .ready)])
        #expect(decision.advances.isEmpty)
        #expect(decision.outcomes.map(\.readyCopies) == [1, 1])
    }
}
