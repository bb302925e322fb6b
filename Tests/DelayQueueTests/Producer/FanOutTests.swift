import Beanstalk
import PipelinedTransport
import Testing

@testable import DelayQueue

@Suite("Fan-out decisions")
struct FanOutTests {
    typealias Put = FanOut.Put

    static func stored(_ id: UInt64) -> FanOut.Answer { .stored(BeanstalkJobID(id)) }

    /// One job on its way to three nodes.
    static func threeNodes(spares: [Int] = [], probes: Set<Int> = []) -> FanOut {
        var fanOut = FanOut(jobCount: 1, minimumWritten: 2, spares: spares)
        for node in 0..<3 {
            fanOut.sent([Put(job: 0, copy: node)], node: node, isAwaited: !probes.contains(node))
        }
        return fanOut
    }

    @Test func `three acknowledgements finish at once`() {
        var fanOut = Self.threeNodes()
        #expect(fanOut.answered(node: 0, [Self.stored(1)]).isEmpty)
        #expect(fanOut.answered(node: 1, [Self.stored(1)]) == [.startGrace])
        #expect(fanOut.answered(node: 2, [Self.stored(1)]) == [.finish])
        #expect(fanOut.isOver && fanOut.fate(of: 0) == .accepted)
    }

    @Test func `the grace ends the wait for a straggler, whose copy is unknown`() {
        var fanOut = Self.threeNodes()
        _ = fanOut.answered(node: 0, [Self.stored(1)])
        _ = fanOut.answered(node: 2, [Self.stored(1)])
        #expect(fanOut.graceOver() == [.finish])
        #expect(fanOut.isOver && fanOut.fate(of: 0) == .accepted)
        #expect(fanOut.stragglers == [1])
        #expect(fanOut.copies(of: 0).map(\.answer) == [Self.stored(1), .unknown, Self.stored(1)])
    }

    @Test func `a node known to be slow is not waited for`() {
        var fanOut = Self.threeNodes(probes: [1])
        _ = fanOut.answered(node: 0, [Self.stored(1)])
        #expect(fanOut.answered(node: 2, [Self.stored(1)]) == [.finish])
        #expect(fanOut.stragglers.isEmpty)
    }

    @Test func `the grace alone does not end a job that can still be accepted`() {
        var fanOut = Self.threeNodes()
        _ = fanOut.answered(node: 0, [Self.stored(1)])
        #expect(fanOut.graceOver().isEmpty)
        #expect(fanOut.answered(node: 1, [.unknown]).isEmpty)
        #expect(fanOut.answered(node: 2, [Self.stored(7)]) == [.finish])
        #expect(fanOut.isOver && fanOut.fate(of: 0) == .accepted)
    }

    @Test func `a job that cannot be accepted any more waits for the rest only as long as the grace`() {
        var fanOut = Self.threeNodes()
        _ = fanOut.answered(node: 0, [.unknown])
        #expect(fanOut.answered(node: 1, [.unknown]) == [.startGrace])
        #expect(fanOut.graceOver() == [.finish])
        #expect(fanOut.isOver && fanOut.fate(of: 0) == .refused)
    }

    @Test func `a spare takes over the index of a put that certainly wrote nothing`() {
        var fanOut = Self.threeNodes(spares: [3, 4])
        #expect(
            fanOut.answered(node: 1, [.refused(isNodesFault: true)]) == [.send([Put(job: 0, copy: 1)], node: 3)])
        _ = fanOut.answered(node: 0, [Self.stored(1)])
        #expect(fanOut.answered(node: 2, [Self.stored(2)]) == [.startGrace], "the spare is waited for")
        #expect(fanOut.answered(node: 3, [Self.stored(3)]) == [.finish])
        #expect(fanOut.copies(of: 0).map(\.index) == [0, 1, 2])
        #expect(fanOut.copies(of: 0).map(\.node) == [0, 3, 2])
    }

    @Test(arguments: [FanOut.Answer.unknown, .refused(isNodesFault: false)])
    func `no spare where the put may have been stored, or another node would refuse it too`(answer: FanOut.Answer) {
        var fanOut = Self.threeNodes(spares: [3])
        let actions = fanOut.answered(node: 1, [answer])
        #expect(actions.isEmpty)
        #expect(fanOut.copies(of: 0).first { $0.index == 1 }?.answer == answer)
    }

    @Test func `answers after the end are recorded and change no decision`() {
        var fanOut = Self.threeNodes()
        _ = fanOut.answered(node: 0, [.unknown])
        _ = fanOut.answered(node: 1, [.unknown])
        _ = fanOut.graceOver()
        #expect(fanOut.answered(node: 2, [Self.stored(9)]).isEmpty)
        #expect(fanOut.isOver && fanOut.fate(of: 0) == .refused)
        #expect(fanOut.copies(of: 0).map(\.answer) == [.unknown, .unknown, Self.stored(9)])
    }

    @Test func `a copy keeps the connection it was written on, whatever its node is asked later`() {
        var fanOut = FanOut(jobCount: 2, minimumWritten: 2, spares: [0])
        fanOut.sent([Put(job: 0, copy: 0)], node: 0, isAwaited: true)
        fanOut.sent([Put(job: 0, copy: 1), Put(job: 1, copy: 0)], node: 1, isAwaited: true)
        fanOut.sent([Put(job: 1, copy: 1)], node: 2, isAwaited: true)
        _ = fanOut.answered(node: 0, [Self.stored(7)], on: ConnectionGeneration(1))
        #expect(
            fanOut.answered(node: 2, [.refused(isNodesFault: true)]) == [.send([Put(job: 1, copy: 1)], node: 0)])
        _ = fanOut.answered(node: 0, [Self.stored(1)], on: ConnectionGeneration(2))
        _ = fanOut.answered(node: 1, [.unknown, .unknown])
        #expect(fanOut.copies(of: 0).first?.generation == ConnectionGeneration(1))
        #expect(fanOut.copies(of: 1).last?.generation == ConnectionGeneration(2))
    }

    // MARK: Late answers

    @Test func `a copy stored late stays where the job was accepted, and is known from then on`() {
        var fanOut = Self.threeNodes()
        _ = fanOut.answered(node: 0, [Self.stored(1)])
        _ = fanOut.answered(node: 1, [.unknown])
        _ = fanOut.answered(node: 2, [Self.stored(2)])
        #expect(fanOut.fate(of: 0) == .accepted)
        let mustGo = fanOut.arrivedLate(Put(job: 0, copy: 1), as: BeanstalkJobID(5))
        #expect(!mustGo)
        #expect(fanOut.copies(of: 0).map(\.answer) == [Self.stored(1), Self.stored(5), Self.stored(2)])
    }

    @Test func `a copy stored late must go where the job was refused`() {
        var fanOut = Self.threeNodes()
        for node in 0..<3 { _ = fanOut.answered(node: node, [.unknown]) }
        #expect(fanOut.fate(of: 0) == .refused)
        let mustGo = fanOut.arrivedLate(Put(job: 0, copy: 1), as: BeanstalkJobID(5))
        #expect(mustGo)
    }

    @Test func `one that comes between the end of its wait and the word of it is known to the decision`() {
        var fanOut = Self.threeNodes()
        let mustGo = fanOut.arrivedLate(Put(job: 0, copy: 1), as: BeanstalkJobID(5))
        #expect(!mustGo, "the job may still be accepted")
        for node in 0..<3 { _ = fanOut.answered(node: node, [.unknown]) }
        #expect(fanOut.fate(of: 0) == .refused, "it came too late to count")
        #expect(fanOut.withdraw(0).map(\.answer) == [.unknown, Self.stored(5), .unknown])
        #expect(fanOut.takeUnwanted().isEmpty, "it is taken back with the others")
    }

    // MARK: Cancelled callers

    @Test func `a cancelled job is refused, and what turns out to be stored after its withdrawal is unwanted`() {
        var fanOut = FanOut(jobCount: 2, minimumWritten: 2, spares: [9])
        for node in 0..<3 {
            fanOut.sent([Put(job: 0, copy: node), Put(job: 1, copy: node)], node: node, isAwaited: true)
        }
        _ = fanOut.answered(node: 0, [Self.stored(1), Self.stored(2)])
        fanOut.cancel(0)
        #expect(fanOut.fate(of: 0) == .refused && !fanOut.isOver)
        #expect(fanOut.withdraw(0).map(\.answer) == [Self.stored(1), .unknown, .unknown])
        #expect(fanOut.takeUnwanted().isEmpty, "what was known before is taken back by whoever withdraws it")
        #expect(
            fanOut.answered(node: 1, [.refused(isNodesFault: true), Self.stored(4)]) == [.startGrace], "no spare for it"
        )
        #expect(fanOut.answered(node: 2, [Self.stored(5), .unknown]) == [.finish])
        #expect(fanOut.fate(of: 0) == .refused && fanOut.fate(of: 1) == .accepted)
        let unwanted = fanOut.takeUnwanted()
        #expect(unwanted.map(\.job) == [0])
        #expect(unwanted.map(\.copy) == [.init(index: 2, node: 2, answer: Self.stored(5))])
        #expect(fanOut.takeUnwanted().isEmpty, "told once")
    }

    @Test func `a cancelled job that enough nodes have stored is accepted all the same`() {
        var fanOut = Self.threeNodes()
        for node in 0..<2 { _ = fanOut.answered(node: node, [Self.stored(1)]) }
        fanOut.cancel(0)
        #expect(fanOut.fate(of: 0) == .accepted)
        #expect(fanOut.decide() == [.finish], "nobody is left to wait for the third")
    }

    @Test func `a decided job can not be cancelled`() {
        var fanOut = Self.threeNodes()
        for node in 0..<3 { _ = fanOut.answered(node: node, [.unknown]) }
        fanOut.cancel(0)
        #expect(fanOut.fate(of: 0) == .refused)
    }

    @Test func `a batch ends when each of its jobs is decided`() {
        var fanOut = FanOut(jobCount: 2, minimumWritten: 2, spares: [])
        for node in 0..<3 {
            fanOut.sent([Put(job: 0, copy: node), Put(job: 1, copy: node)], node: node, isAwaited: true)
        }
        _ = fanOut.answered(node: 0, [Self.stored(1), .refused(isNodesFault: true)])
        #expect(fanOut.answered(node: 1, [Self.stored(1), Self.stored(2)]).isEmpty, "job 1 is open")
        #expect(fanOut.answered(node: 2, [.unknown, Self.stored(3)]) == [.finish])
        #expect(fanOut.fate(of: 0) == .accepted && fanOut.fate(of: 1) == .accepted)
    }
}

@Suite("Node choice")
struct NodeChoiceTests {
    static let up = NodeChoice.Health(isUp: true, isSlow: false, isBusy: false)
    static let down = NodeChoice.Health(isUp: false, isSlow: false, isBusy: false)
    static let slow = NodeChoice.Health(isUp: true, isSlow: true, isBusy: false)
    static let hung = NodeChoice.Health(isUp: true, isSlow: true, isBusy: true)

    /// What one draw chose.
    struct Drawn {
        var awaited: [Int]
        var probes: [Int]
        var spares: [Int]

        var copies: Int { awaited.count + probes.count }
    }

    static func choose(_ health: [NodeChoice.Health], copies: Int = 3, minimum: Int = 2) -> Drawn {
        var choice = NodeChoice(health: health, copies: copies, minimumWritten: minimum)
        return draw(from: &choice)
    }

    static func draw(from choice: inout NodeChoice) -> Drawn {
        var generator = SystemRandomNumberGenerator()
        choice.draw(using: &generator)
        return Drawn(
            awaited: (0..<choice.awaitedCount).map { choice[$0] },
            probes: (choice.awaitedCount..<choice.copies).map { choice[$0] },
            spares: choice.spares(using: &generator))
    }

    @Test func `all nodes where there are no more than copies`() {
        let choice = Self.choose([Self.up, Self.up, Self.up])
        #expect(choice.awaited == [0, 1, 2])
        #expect(choice.spares.isEmpty)
    }

    @Test func `nodes in backoff are not planned and not counted`() {
        let choice = Self.choose([Self.up, Self.down, Self.up])
        #expect(choice.awaited == [0, 2])
        #expect(choice.copies == 2)
    }

    @Test func `a slow node gets a probe nobody waits for, a hung one nothing`() {
        let probed = Self.choose([Self.up, Self.slow, Self.up])
        #expect(probed.awaited == [0, 2])
        #expect(probed.probes == [1])
        #expect(Self.choose([Self.up, Self.hung, Self.up]).copies == 2)
    }

    @Test func `slow nodes are waited for where too few others are left`() {
        let choice = Self.choose([Self.up, Self.slow, Self.slow])
        #expect(choice.awaited == [0, 1, 2])
        #expect(choice.probes.isEmpty)
    }

    @Test func `chance spreads the load over all nodes, and the rest are spares`() {
        var counts = [Int](repeating: 0, count: 6)
        var draws = NodeChoice(
            health: [Self.up, Self.up, Self.up, Self.up, Self.up, Self.slow], copies: 3, minimumWritten: 2)
        for _ in 0..<600 {
            let choice = Self.draw(from: &draws)
            #expect(choice.copies == 3)
            #expect(choice.awaited.count >= 2)
            #expect(choice.awaited == choice.awaited.sorted())
            let named = choice.awaited + choice.probes + choice.spares
            #expect(Set(named).isSuperset(of: 0..<5))
            #expect(Set(named).count == named.count)
            for node in choice.awaited + choice.probes { counts[node] += 1 }
        }
        // Expected 330 for a healthy node and 150 for the slow one; far outside means the choice is not random.
        for node in 0..<5 { #expect((200...480).contains(counts[node])) }
        #expect(counts[5] > 0, "a slow node is probed now and then")
    }

    @Test func `one draw after the other takes any nodes alike`() {
        var counts: [[Int]: Int] = [:]
        var draws = NodeChoice(health: Array(repeating: Self.up, count: 5), copies: 3, minimumWritten: 2)
        for _ in 0..<1_000 { counts[Self.draw(from: &draws).awaited, default: 0] += 1 }
        // 10 ways to take three of five, 100 of each expected.
        #expect(counts.count == 10)
        #expect(counts.values.allSatisfy { (40...180).contains($0) })
    }

    @Test func `slow nodes chosen by one draw are chance again in the next`() {
        var draws = NodeChoice(
            health: [Self.slow, Self.up, Self.slow, Self.up, Self.slow], copies: 3, minimumWritten: 2)
        var probed: Set<Int> = []
        for _ in 0..<200 {
            let choice = Self.draw(from: &draws)
            #expect(choice.awaited == [1, 3], "healthy nodes fill the quorum")
            #expect(choice.probes.count == 1)
            probed.formUnion(choice.probes)
        }
        #expect(probed == [0, 2, 4])
    }
}
