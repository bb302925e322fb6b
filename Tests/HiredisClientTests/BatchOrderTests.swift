import NIOCore
import TestSupport
import Testing

@testable import HiredisClient

@Suite struct BatchOrderTests {
    fileprivate static let openings = (0..<3).map { EncodedWords(["EVALSHA", .text("\($0)"), "1"]) }
    fileprivate static let sources = (0..<3).map { EncodedWords(["EVAL", .text("script \($0)"), "1"]) }

    /// Calls of a script, one for each key.
    private func batch(_ keys: String...) -> RedisBatch {
        var batch = RedisBatch(calling: Self.openings)
        for key in keys { batch.call(0, key, []) }
        return batch
    }

    @Test func whatNothingFollowsMayBeMadeAgain() {
        var order = BatchOrder()
        let place = order.append(batch("a", "b", "a", "c"), for: 1)
        #expect(order.repeatable([0, 1, 2, 3], of: place) == [0, 1, 2, 3])
        #expect(order.repeatable([], of: place) == [])
        order.end(place)
        #expect(order.isEmpty)
    }

    @Test func aLaterCallOfTheKeyInTheBatchThatMayHaveRunForbidsIt() {
        var order = BatchOrder()
        let place = order.append(batch("a", "b", "a", "a", "c"), for: 1)
        #expect(order.repeatable([0, 1], of: place) == [1])
        #expect(order.repeatable([0, 2], of: place) == [])
        #expect(order.repeatable([0, 3], of: place) == [3])
        #expect(order.repeatable([2, 3], of: place) == [2, 3])
    }

    @Test func anyCallOfTheKeyInALaterBatchForbidsIt() {
        var order = BatchOrder()
        let earlier = order.append(batch("a"), for: 1)
        let place = order.append(batch("a", "b"), for: 2)
        var plain = RedisBatch()
        plain.begin(command: EncodedWords(["PEXPIRE"]), key: "b", arguments: 0)
        plain.end()
        plain.command("GET", "a")
        let later = order.append(plain, for: 3)
        #expect(order.repeatable([0], of: earlier) == [])
        #expect(order.repeatable([0, 1], of: place) == [0])
        // Given up, but written: it may run yet.
        order.end(later)
        #expect(order.repeatable([0, 1], of: place) == [0])
        order.end(earlier)
        #expect(order.repeatable([0, 1], of: place) == [0])
        order.end(place)
        #expect(order.isEmpty)
    }

    @Test func knowsTheRequestOfAWait() {
        var order = BatchOrder()
        let first = order.append(batch("a"), for: 1)
        #expect(order.request(of: 1) == nil)
        order.name(first, request: 11)
        let second = order.append(batch("b"), for: 2)
        order.name(second, request: 12)
        #expect(order.request(of: 1) == 11 && order.request(of: 2) == 12 && order.request(of: 3) == nil)
        order.end(second)
        #expect(order.request(of: 2) == nil)
        let again = order.append(batch("a"), for: 1)
        order.name(again, request: 13)
        order.end(first)
        #expect(order.request(of: 1) == 13)
        order.end(again)
        // Over before it was named, as one that fails at once.
        order.name(again, request: 14)
        #expect(order.request(of: 1) == nil && order.isEmpty)
    }

    /// A server whose scripts come and go, and calls that are given up and made again in any order of events: each key
    /// sees its calls in the order in which they were written, each at most once; and what fails has not run.
    @Test func keepsTheOrderOfEveryKey() {
        var generator = SeededGenerator(seed: 7)
        var repeats = 0
        for _ in 0..<300 {
            var world = World(generator: generator)
            world.play(batches: 60)
            generator = world.generator
            repeats += world.repeats
            #expect(world.order.isEmpty)
            for (key, runs) in world.runs {
                #expect(runs == runs.sorted() && Set(runs).count == runs.count, "\(key): \(runs)")
            }
            let ran = Set(world.runs.values.joined())
            #expect(ran.isDisjoint(with: world.failed))
            #expect(ran.union(world.failed).union(world.givenUp).count == world.lastCall)
            // Nothing fails but what another call of its key followed.
            for call in world.failed {
                #expect(world.keys.contains { $0.key > call && $0.value == world.keys[call] }, "\(call)")
            }
        }
        #expect(repeats > 1000)
    }

    private struct World {
        struct Sent {
            let place: Int
            let batch: RedisBatch
            let calls: [Int]
            var answered = 0
            var missing: [Int] = []
            var isGivenUp = false
            let isRepeat: Bool
        }

        var generator: SeededGenerator
        var order = BatchOrder()
        var sent: [Sent] = []
        var known: Set<Int> = []
        var keys: [Int: String] = [:]
        var runs: [String: [Int]] = [:]
        var failed: Set<Int> = []
        var givenUp: Set<Int> = []
        var lastCall = 0
        var repeats = 0

        mutating func play(batches: Int) {
            var left = batches
            while left > 0 || !sent.isEmpty {
                switch Int.random(in: 0..<12, using: &generator) {
                case 0: known = []
                case 1: known.insert(Int.random(in: 0..<3, using: &generator))
                case 2...3 where left > 0:
                    left -= 1
                    write()
                case 4: giveUp()
                default: answer()
                }
            }
        }

        mutating func write() {
            var batch = RedisBatch(calling: BatchOrderTests.openings)
            var calls: [Int] = []
            for _ in 0..<Int.random(in: 1...5, using: &generator) {
                lastCall += 1
                calls.append(lastCall)
                let key = "k\(Int.random(in: 0..<6, using: &generator))"
                keys[lastCall] = key
                let script = Int.random(in: 0..<4, using: &generator)
                if script < 3 {
                    batch.call(script, key, [.integer(lastCall)])
                } else {
                    batch.begin(command: EncodedWords(["PEXPIRE"]), key: key, arguments: 0)
                    batch.end()
                }
            }
            send(batch, calls, isRepeat: false)
        }

        mutating func send(_ batch: RedisBatch, _ calls: [Int], isRepeat: Bool) {
            sent.append(Sent(place: order.append(batch, for: 0), batch: batch, calls: calls, isRepeat: isRepeat))
        }

        mutating func giveUp() {
            guard let index = sent.indices.randomElement(using: &generator), !sent[index].isGivenUp else { return }
            sent[index].isGivenUp = true
            givenUp.formUnion(sent[index].calls)
            order.end(sent[index].place)
        }

        /// The server comes to the next call.
        mutating func answer() {
            guard var next = sent.first else { return }
            let call = next.calls[next.answered]
            let script = next.batch.calls[next.answered].script
            if next.isRepeat, let script { known.insert(script) }
            if script.map({ known.contains($0) }) ?? true {
                runs[keys[call] ?? "", default: []].append(call)
            } else {
                next.missing.append(next.answered)
            }
            next.answered += 1
            guard next.answered == next.calls.count else {
                sent[0] = next
                return
            }
            sent.removeFirst()
            guard !next.isGivenUp else { return }
            let again = order.repeatable(next.missing, of: next.place)
            order.end(next.place)
            failed.formUnion(Set(next.missing).subtracting(again).map { next.calls[$0] })
            guard !again.isEmpty else { return }
            repeats += again.count
            let batch = next.batch.calls(at: again, opening: BatchOrderTests.sources)
            #expect(batch.count == again.count)
            send(batch, again.map { next.calls[$0] }, isRepeat: true)
        }
    }
}
