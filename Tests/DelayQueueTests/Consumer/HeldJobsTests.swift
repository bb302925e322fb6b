import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

@Suite("Held jobs in their slots")
struct HeldJobsTests {
    private func job(_ id: String) throws -> HeldJob {
        let record = JobRecord(parsing: try CoreWorld.record(id, due: .zero))
        let held = HeldRecord(
            name: try #require(record.facts?.name), queue: .default, record: record, fireTime: CoreWorld.start)
        return HeldJob(held, copies: [], due: CoreWorld.start)
    }

    @Test func `a number finds its own job, also when the slot has another by now`() throws {
        var jobs = HeldJobs()
        let first = jobs.insert(try job("first"))
        #expect(jobs.remove(first)?.id.description == "first")
        let second = jobs.insert(try job("second"))
        #expect(first.slot == second.slot && first < second)
        #expect(jobs[first] == nil && jobs.record(of: first) == nil && jobs.remove(first) == nil)
        jobs[first]?.parkTries = 7
        jobs[first] = try job("never")
        #expect(jobs[second]?.id.description == "second" && jobs[second]?.parkTries == 0)
        #expect(jobs.count == 1)
    }

    @Test func `iterating goes on with what was there when it began`() throws {
        var jobs = HeldJobs()
        for name in ["a", "b", "c"] { _ = jobs.insert(try job(name)) }
        var seen: [String] = []
        for (id, job) in jobs {
            seen.append(job.id.description)
            _ = jobs.remove(id)
            _ = jobs.insert(try self.job("later"))
        }
        #expect(seen.sorted() == ["a", "b", "c"])
        #expect(jobs.count == 3 && jobs.values.allSatisfy { $0.id.description == "later" })
    }

    @Test func `the number that no job has finds none`() throws {
        var jobs = HeldJobs()
        #expect(jobs[HeldJobID(0)] == nil)
        let id = jobs.insert(try job("a"))
        #expect(id.number > 0 && jobs[HeldJobID(0)] == nil)
    }

    @Test func `what is known of a later job outlives the word about an earlier one`() {
        var map = HeldJobMap<String>()
        let (old, new) = (HeldJobID(1, slot: 3), HeldJobID(2, slot: 3))
        map[old] = "old"
        #expect(map[old] == "old" && map[new] == nil)
        map[new] = "new"
        map[old] = nil
        #expect(map[old] == nil && map[new] == "new")
        map[new] = nil
        #expect(map[new] == nil)
    }
}
