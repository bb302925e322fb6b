import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

@Suite struct FinishedJobsTests {
    private static let start = Uptime(microseconds: 0)

    private func record(_ number: Int, copies: Int) throws -> JobContents {
        let id = JobID(unchecked: "job-\(number)")
        var bytes = ByteBuffer()
        EnvelopeTemplate(
            id: id, fireTime: Timestamp(microseconds: 0), timeToRun: 30, priority: 7, headers: [:], body: ByteBuffer()
        ).write(copy: 0, copies: copies, into: &bytes)
        let record = JobRecord(parsing: bytes)
        return JobContents(
            name: try #require(record.summary?.name), queue: .default, record: record,
            fireTime: Timestamp(microseconds: 0))
    }

    @Test func aJobIsOverOnceAllItsCopiesAreGone() throws {
        var jobs = FinishedJobs()
        let id = HeldJobID(1)
        jobs.insert(id, try record(1, copies: 2), deletes: 1, until: Self.start + .seconds(5))
        #expect(jobs.answered(id, index: 0, isDeleted: true) == nil)
        #expect(jobs.addDelete(id) == true)
        #expect(jobs.answered(id, index: 1, isDeleted: true)?.deleted == [0, 1])
        #expect(jobs.isEmpty)
        #expect(jobs.addDelete(id) == false)
    }

    @Test func aDeleteThatWasNotConfirmedCountsForNothing() throws {
        var jobs = FinishedJobs()
        let id = HeldJobID(1)
        jobs.insert(id, try record(1, copies: 1), deletes: 1, until: Self.start + .seconds(5))
        #expect(jobs.answered(id, index: 0, isDeleted: false) == nil)
        #expect(jobs.expire(now: Self.start + .seconds(4)).isEmpty)
        let ended = jobs.expire(now: Self.start + .seconds(5))
        #expect(ended.map(\.entry.deleted) == [[]])
        #expect(jobs.isEmpty)
    }

    @Test func whatIsUnderWayIsWaitedForAlsoAfterItsTime() throws {
        var jobs = FinishedJobs()
        let id = HeldJobID(1)
        jobs.insert(id, try record(1, copies: 3), deletes: 2, until: Self.start + .seconds(5))
        #expect(jobs.expire(now: nil).isEmpty)
        #expect(jobs.answered(id, index: 0, isDeleted: true) == nil)
        #expect(jobs.answered(id, index: 2, isDeleted: true)?.deleted == [0, 2])
        #expect(jobs.isEmpty)
    }

    @Test func whatIsKnownIsToldOnceBeforeTheRest() throws {
        var jobs = FinishedJobs()
        let id = HeldJobID(1)
        jobs.insert(id, try record(1, copies: 3), deletes: 2, until: Self.start + .seconds(5))
        #expect(jobs.answered(id, index: 0, isDeleted: true) == nil)
        #expect(jobs.takeUntold(id) == nil, "an answer is due")
        #expect(jobs.answered(id, index: 1, isDeleted: false) == nil)
        #expect(jobs.takeUntold(id)?.deleted == [0])
        #expect(jobs.takeUntold(id) == nil)
        #expect(jobs.addDelete(id) == true)
        #expect(jobs.answered(id, index: 2, isDeleted: true) == nil)
        #expect(jobs.takeUntold(id)?.deleted == [0, 2])
        let ended = jobs.expire(now: nil).map(\.entry)
        #expect(ended.map(\.deleted) == ended.map(\.told))
    }

    @Test func theOldestMakeRoom() throws {
        var jobs = FinishedJobs()
        let count = FinishedJobs.limit + 100
        var ended: [HeldJobID] = []
        for number in 0..<count {
            let id = HeldJobID(UInt64(number))
            jobs.insert(id, try record(number, copies: 3), deletes: 1, until: Self.start + .seconds(5))
            #expect(jobs.answered(id, index: 0, isDeleted: true) == nil)
            ended += jobs.expire(now: Self.start).map(\.id)
        }
        #expect(ended == (0..<UInt64(count - FinishedJobs.limit)).map { HeldJobID($0) })
    }
}
