import Beanstalk
import PipelinedTransport
import TestSupport
import Testing

@testable import DelayQueue

@Suite("Planning a write, and reading its replies")
struct WritePlanTests {
    static func health(_ count: Int, down: Set<Int> = [], slow: Set<Int> = []) -> [NodeChoice.Health] {
        (0..<count).map { .init(isUp: !down.contains($0), isSlow: slow.contains($0), isBusy: false) }
    }

    static func plan(_ health: [NodeChoice.Health], jobs: Int = 1) -> WritePlan {
        var generator = SeededGenerator(seed: 1)
        return WritePlan(jobCount: jobs, health: health, copies: 3, minimumWritten: 2, using: &generator)
    }

    @Test func `each job has each of its indexes once, on nodes of its own`() {
        let plan = Self.plan(Self.health(5), jobs: 20)
        #expect(plan.copies == 3)
        for job in 0..<20 {
            let puts = plan.puts.flatMap(\.value).filter { $0.job == job }
            #expect(puts.map(\.copy).sorted() == [0, 1, 2])
        }
        #expect(plan.puts.nodes.count == 5)
    }

    @Test func `nodes in backoff are not planned, slow ones not waited for`() {
        let plan = Self.plan(Self.health(3, down: [1], slow: [2]))
        #expect(plan.copies == 2)
        #expect(Set(plan.puts.nodes) == [0, 2])
        #expect(plan.unplanned == [1])
        #expect(Self.plan(Self.health(3, slow: [2])).probes == [2])
    }

    @Test func `any healthy node may help where each job has nodes of its own, else those that were not chosen`() {
        #expect(Set(Self.plan(Self.health(5, slow: [4]), jobs: 20).spares) == [0, 1, 2, 3])
        var generator = SeededGenerator(seed: 1)
        let shared = WritePlan(
            jobCount: 20, health: Self.health(5), copies: 3, minimumWritten: 2, isChoiceShared: true,
            using: &generator)
        #expect(Set(shared.spares) == Set(0..<5).subtracting(shared.puts.nodes))
        #expect(Self.plan(Self.health(3), jobs: 20).spares.isEmpty)
    }

    @Test func `no job is no put`() {
        let plan = Self.plan(Self.health(3), jobs: 0)
        #expect(plan.puts.isEmpty)
    }

    @Test func `with too few nodes nothing is written`() {
        let plan = Self.plan(Self.health(3, down: [0, 1]))
        #expect(plan.copies == 0)
        #expect(plan.puts.isEmpty)
    }

    @Test func `a put's reply says whether the copy is there`() {
        let id = BeanstalkJobID(7)
        var replies = PutReplies(
            BatchOutcome(
                replies: [.inserted(id), .draining, .outOfMemory, .jobTooBig, .internalError, .buried(id)],
                failure: nil, generation: ConnectionGeneration(1)), count: 6)
        #expect(
            replies.answers == [
                .stored(id), .refused(isNodesFault: true), .refused(isNodesFault: true),
                .refused(isNodesFault: false), .unknown, .unknown,
            ])
        #expect(replies.tooLarge == [3])
        #expect(replies.buried.map(\.id) == [id])
        replies.deleted([.deleted])
        #expect(replies.answers.last == .refused(isNodesFault: true))
    }

    @Test(arguments: [true, false])
    func `without a reply a copy is unknown, unless the put was certainly never sent`(_ mayHaveBeenSent: Bool) {
        let failure = TransportError(
            .connectionLost, address: .hostname("node", port: 1), mayHaveBeenSent: mayHaveBeenSent)
        let outcome = BatchOutcome<BeanstalkReply>(replies: [], failure: failure, generation: ConnectionGeneration(1))
        let replies = PutReplies(outcome, count: 1)
        #expect(replies.answers == [mayHaveBeenSent ? .unknown : .refused(isNodesFault: true)])
    }
}
