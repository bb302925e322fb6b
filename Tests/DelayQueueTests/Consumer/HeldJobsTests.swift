import Beanstalk
import NIOCore
import TestSupport
import Testing

@testable import DelayQueue

@Suite("Held jobs in their slots")
struct HeldJobsTests {
    private func record(_ id: String) throws -> JobContents {
        let record = JobRecord(parsing: try CoreWorld.record(id, due: .zero))
        return JobContents(
            name: try #require(record.summary?.name), queue: .default, record: record, fireTime: CoreWorld.start)
    }

    private func copy(_ id: UInt64, on node: Int = 0) -> HeldCopy {
        HeldCopy(
            link: node, id: BeanstalkJobID(id), index: node, isStandby: false, timeToRun: 1_000_000, priority: 0,
            confirmedAt: nil)
    }

    private func insert(_ id: String, into jobs: inout HeldJobs) throws -> HeldJobID {
        jobs.insert(try record(id), copy(1), size: 10, due: CoreWorld.start)
    }

    @Test func `the bytes of a node's records are those of its jobs`() throws {
        var jobs = HeldJobs(nodes: 2)
        let first = jobs.insert(try record("a"), copy(1, on: 0), size: 10, due: CoreWorld.start)
        // Over the side link.
        let second = jobs.insert(try record("b"), copy(2, on: 3), size: 200, due: CoreWorld.start)
        #expect(jobs.heldBytes == [10, 200])
        // Of another copy nothing is kept but its name; and the record stays where its own copy goes.
        _ = jobs.attach(copy(3, on: 1), to: first)
        jobs.takeCopies(of: second)
        #expect(jobs.heldBytes == [10, 200])
        let next = jobs.renumber(first)
        let renumbered = try #require(next)
        jobs.remove(first)
        #expect(jobs.heldBytes == [10, 200])
        jobs.remove(renumbered)
        jobs.remove(renumbered)
        #expect(jobs.heldBytes == [0, 200])
        _ = jobs.retire(second)
        #expect(jobs.heldBytes == [0, 0])
    }

    @Test func `a number finds its own job, also when the slot has another by now`() throws {
        var jobs = HeldJobs(nodes: 1)
        let first = try insert("first", into: &jobs)
        let retired = jobs.retire(first)
        #expect(retired?.id.description == "first")
        let second = try insert("second", into: &jobs)
        #expect(first.slot == second.slot && first < second)
        let again = jobs.retire(first)
        jobs.remove(first)
        jobs.enter(.parked, first)
        let attachment = jobs.attach(copy(2), to: first)
        #expect(jobs[first] == nil && again == nil && attachment == nil)
        #expect(jobs[second]?.id.description == "second" && jobs.counts == PhaseCounts())
        #expect(jobs.count == 1 && jobs.heldCopies == [1, 0])
    }

    @Test func `iterating goes on with what was there when it began`() throws {
        var jobs = HeldJobs(nodes: 1)
        for name in ["a", "b", "c"] { _ = try insert(name, into: &jobs) }
        var seen: [String] = []
        for (id, job) in jobs {
            seen.append(job.id.description)
            jobs.remove(id)
            _ = try insert("later", into: &jobs)
        }
        #expect(seen.sorted() == ["a", "b", "c"])
        #expect(jobs.count == 3 && jobs.values.allSatisfy { $0.id.description == "later" })
    }

    @Test func `the number that no job has finds none`() throws {
        var jobs = HeldJobs(nodes: 1)
        #expect(jobs[HeldJobID(0)] == nil)
        let id = try insert("a", into: &jobs)
        #expect(id.number > 0 && jobs[HeldJobID(0)] == nil)
    }

    @Test func `a retired job's name leads to its number until it is forgotten`() throws {
        var jobs = HeldJobs(nodes: 1)
        let name = try record("a").name
        let first = try insert("a", into: &jobs)
        #expect(jobs.named(name) == first)
        let renumbered = jobs.renumber(first)
        let second = try #require(renumbered)
        #expect(jobs[first] == nil && jobs[second]?.id.description == "a" && jobs.named(name) == second)
        jobs.dropName(name, of: first)
        let retired = jobs.retire(second)
        #expect(retired != nil && jobs.isEmpty && jobs.named(name) == second)
        jobs.dropName(name, of: second)
        #expect(jobs.named(name) == nil && jobs.nameCount == 0)
        let third = try insert("a", into: &jobs)
        jobs.remove(third)
        #expect(jobs.nameCount == 0 && jobs.heldCopies == [0, 0])
    }

    @Test func `a job that has moved on is queued no more`() throws {
        var jobs = HeldJobs(nodes: 1)
        let ids = try ["a", "b", "c"].map { try insert($0, into: &jobs) }
        for id in ids { jobs.queue(id) }
        jobs.queue(ids[0])
        #expect(jobs.counts.queued == 3)
        jobs.enter(.parked, ids[0])
        jobs.queue(ids[0])
        jobs.remove(ids[1])
        #expect(jobs.counts.queued == 1)
        let popped = [jobs.popQueued(), jobs.popQueued()]
        #expect(popped == [ids[2], nil] && jobs.counts.queued == 0)
    }

    /// Whatever is done with jobs, in any order: what is counted is what a count of all jobs would find.
    @Test func `what is counted is what there is`() throws {
        var generator = SeededGenerator(seed: 11)
        let owner = ClaimOwner.random()
        let claim = HeldClaim(
            owner: owner, attempt: 1, failures: 0, leaseEnd: .distantFuture, renewAt: .distantFuture)
        func pending(_ settlement: Settlement, delivers: Bool = false) -> PendingSettlement {
            var pending = PendingSettlement(settlement: settlement, giveUpAt: .distantFuture)
            pending.deliversOnceSettled = delivers
            return pending
        }
        let phases: [HeldPhase] = [
            .holding, .holding, .claiming(owner: owner), .parked, .verifying(claim),
            .inspecting(copy: BeanstalkJobID(1), link: 0), .claimed(claim),
            .settling(claim, pending(.complete)), .settling(claim, pending(.bury(reason: ""))),
            .settling(claim, pending(.complete, delivers: true)),
        ]
        var jobs = HeldJobs(nodes: 3)
        var ids: [HeldJobID] = []
        for step in 0..<20_000 {
            let id = ids.randomElement(using: &generator) ?? HeldJobID(0)
            let node = Int.random(in: 0..<3, using: &generator)
            switch Int.random(in: 0..<12, using: &generator) {
            case 0 where jobs.count < 20:
                ids.append(
                    jobs.insert(try record("\(step)"), copy(UInt64(step), on: node), size: 7, due: CoreWorld.start))
            case 1: jobs.remove(id)
            case 2: if let job = jobs.retire(id) { jobs.dropName(job.shared.name, of: id) }
            case 3: if let next = jobs.renumber(id) { ids.append(next) }
            case 4...6: _ = jobs.attach(copy(UInt64(step / 4), on: node), to: id)
            case 7: jobs.takeCopies(of: id) { $0.link == node }
            case 8: jobs.queue(id)
            case 9: _ = jobs.popQueued()
            default: jobs.enter(try #require(phases.randomElement(using: &generator)), id)
            }
            ids.removeAll { jobs[$0] == nil }

            var counts = PhaseCounts()
            var held = [0, 0, 0, 0, 0, 0]
            for job in jobs.values {
                for copy in job.copies { held[copy.link] += 1 }
                if job.isQueued { counts.queued += 1 }
                switch job.phase {
                case .claiming, .verifying, .inspecting: counts.claims += 1
                case .claimed: counts.inHand += 1
                case .parked: counts.parkedCopies += job.copies.count
                case .settling(_, let pending):
                    if pending.deliversOnceSettled { counts.claims += 1 }
                    counts.settlements += 1
                case .holding: break
                }
            }
            guard jobs.counts == counts, jobs.heldCopies == held, jobs.count == ids.count, jobs.nameCount == ids.count,
                jobs.heldBytes.reduce(0, +) == 7 * jobs.count
            else {
                Issue.record("step \(step): \(jobs.counts), \(jobs.heldCopies) and not \(counts), \(held)")
                return
            }
        }
    }
}
