import TestSupport
import Testing

@testable import DelayQueue

@Suite("Going through a node's numbers")
struct IDSweepTests {
    /// A node as far as its numbers go.
    private struct Node {
        var jobs: Set<UInt64>
        /// The last number that the log had.
        let restored: UInt64
        var puts = 0
        var mayHaveRestored = true

        var census: IDSweep.Census {
            IDSweep.Census(jobs: jobs.count, puts: puts, mayHaveRestored: mayHaveRestored)
        }

        func sample(_ id: UInt64) -> IDSweep.Sample { IDSweep.Sample(id: id, isOfThisProcess: id > restored) }

        mutating func put() {
            puts += 1
            jobs.insert(restored + UInt64(puts))
        }
    }

    /// - Parameter change: what others do to the node after each batch.
    private func look(_ sweep: inout IDSweep, _ node: inout Node, change: (inout Node) -> Void = { _ in }) -> Set<
        UInt64
    > {
        var seen: Set<UInt64> = []
        var all: Set<ClosedRange<UInt64>> = []
        while let ids = sweep.next(atMost: 4096) {
            #expect(all.insert(ids).inserted)
            // The few jobs there are, not the many numbers.
            let found = node.jobs.filter(ids.contains)
            seen.formUnion(found)
            sweep.looked(at: ids, found: found.count, node.census)
            change(&node)
        }
        #expect(sweep.isOver)
        return seen
    }

    @Test func `a quiet node is gone through until all of its jobs were seen`() {
        var node = Node(jobs: [3, 70, 4000, 9000], restored: 0, puts: 9000, mayHaveRestored: false)
        var sweep = IDSweep(node.census, samples: [node.sample(4000)])
        #expect(look(&sweep, &node) == [3, 70, 4000, 9000])
        #expect(sweep.mayHaveMissed == 0)
        #expect(sweep.found == 4)
    }

    @Test func `a node that has given billions of numbers is not gone through from the first`() {
        let end: UInt64 = 3_000_000_000
        var node = Node(
            jobs: Set((0..<500).map { end - $0 * 900 }), restored: 0, puts: Int(end), mayHaveRestored: false)
        var sweep = IDSweep(node.census, samples: [node.sample(end - 9000)])
        #expect(look(&sweep, &node).count == 500)
        #expect(sweep.mayHaveMissed == 0)
        #expect(sweep.looked < 700_000)
    }

    @Test func `an empty node, and one without a copy of the queue's, are not looked at`() {
        for sweep in [
            IDSweep(.init(jobs: 0, puts: 700, mayHaveRestored: true), samples: []),
            IDSweep(.init(jobs: 9, puts: 700, mayHaveRestored: true), samples: [], isWorthwhile: false),
        ] {
            var sweep = sweep
            #expect(sweep.isOver)
            #expect(sweep.next(atMost: 10) == nil)
        }
        #expect(IDSweep(.init(jobs: 0, puts: 700, mayHaveRestored: true), samples: []).mayHaveMissed == 0)
    }

    @Test func `after a restart with a log numbers above the greatest that is known are looked at`() {
        // All that is known of is in the middle of what the log had.
        var node = Node(jobs: [10, 500_000, 900_000], restored: 900_000)
        var sweep = IDSweep(node.census, samples: [node.sample(500_000)])
        #expect(look(&sweep, &node) == [10, 500_000, 900_000])
        #expect(sweep.mayHaveMissed == 0)
    }

    @Test func `where jobs go meanwhile, and no end is known, what may have been missed is told`() {
        var node = Node(jobs: [10, 500_000, 900_000, 900_001], restored: 100_000_000)
        var sweep = IDSweep(node.census, samples: [node.sample(500_000)])
        let seen = look(&sweep, &node) { $0.jobs.remove(900_001) }
        #expect(seen == [10, 500_000, 900_000])
        #expect(sweep.mayHaveMissed == 1)
        #expect(sweep.looked < 10_000_000)
    }

    @Test func `one that only deletes does not make an old node be gone through to the first number`() {
        let end: UInt64 = 3_000_000_000
        var node = Node(
            jobs: Set((0..<1000).map { end - $0 * 10 }), restored: 0, puts: Int(end), mayHaveRestored: false)
        var sweep = IDSweep(node.census, samples: [node.sample(end - 2000)])
        node.jobs.remove(end - 9990)
        let left = node.jobs
        #expect(look(&sweep, &node) == left)
        #expect(sweep.mayHaveMissed == 1)
        #expect(sweep.looked < 10_000_000)
    }

    @Test func `a second pass looks at what came since only`() {
        var node = Node(jobs: [5, 100_000], restored: 0, puts: 100_000, mayHaveRestored: false)
        var sweep = IDSweep(node.census, samples: [node.sample(5)])
        #expect(look(&sweep, &node) == [5, 100_000])
        let looked = sweep.looked
        for _ in 0..<100 { node.put() }
        sweep.resume(node.census, samples: [])
        #expect(look(&sweep, &node).subtracting([100_000]) == Set(100_001...100_100))
        #expect(sweep.mayHaveMissed == 0)
        #expect(sweep.looked - looked <= 101)
    }

    @Test func `numbers that no server gives end nothing but the search`() {
        for id: UInt64 in [.max, .max - 1, 1 << 63] {
            var node = Node(jobs: [id], restored: 0, puts: .max)
            var sweep = IDSweep(node.census, samples: [node.sample(id)])
            while let ids = sweep.next(atMost: 4096), sweep.looked < 40_000_000 {
                sweep.looked(at: ids, found: 0, IDSweep.Census(jobs: 0, puts: -5, mayHaveRestored: true))
            }
            sweep.resume(IDSweep.Census(jobs: .max >> 10, puts: .max, mayHaveRestored: true), samples: [])
            _ = sweep.next(atMost: 4096)
            node.jobs = []
        }
    }

    @Test(arguments: 0..<300) func `whatever goes on meanwhile, no more is missed than is told`(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let hasLog = Bool.random(using: &random)
        let restored: UInt64 = hasLog ? .random(in: 0...200_000, using: &random) : 0
        var node = Node(jobs: [], restored: restored, mayHaveRestored: hasLog)
        for _ in 0..<Int.random(in: 1...60, using: &random) where restored > 0 {
            node.jobs.insert(.random(in: 1...restored, using: &random))
        }
        node.puts = Int.random(in: 0...200_000, using: &random)
        for _ in 0..<Int.random(in: 0...60, using: &random) where node.puts > 0 {
            node.jobs.insert(restored + .random(in: 1...UInt64(node.puts), using: &random))
        }
        let known = (0..<Int.random(in: 0...6, using: &random)).compactMap { _ in
            node.jobs.randomElement(using: &random)
        }
        var sweep = IDSweep(node.census, samples: known.map(node.sample))
        let before = node.jobs
        let isBusy = Bool.random(using: &random)
        let seen = look(&sweep, &node) { node in
            guard isBusy else { return }
            if Int.random(in: 0..<8, using: &random) == 0 { node.put() }
            if Int.random(in: 0..<8, using: &random) == 0, let id = node.jobs.randomElement(using: &random) {
                node.jobs.remove(id)
            }
        }
        let missed = before.intersection(node.jobs).subtracting(seen)
        #expect(missed.count <= sweep.mayHaveMissed)
        if !isBusy { #expect(sweep.mayHaveMissed == 0 && seen == before) }
    }
}
