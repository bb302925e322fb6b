import CommandSupport
import DelayQueue
import NIOCore
import TestSupport
import Testing

@testable import demo

@Suite struct DemoTallyTests {
    private func tally(_ ids: [String]) throws -> DemoTally {
        var tally = DemoTally()
        for id in ids {
            let job = JobSpecification(time: .at(Timestamp(microseconds: 1_000_000)), body: ByteBuffer(string: id))
            let receipt = try Receipt(
                parsing: "dqr1,\(id),1000000,demo,own,native,0,0@a:1@demo@1@?,1@b:2@demo@7@?,2@c:3@demo@?@?")
            try tally.scheduled(job, receipt)
        }
        return tally
    }

    private func delivery(_ id: String, at microseconds: Int64, body: String? = nil) -> DemoDelivery {
        DemoDelivery(
            id: id, body: ByteBuffer(string: body ?? id), deliveredAt: Timestamp(microseconds: microseconds))
    }

    private func report(_ tally: DemoTally) -> DemoReport {
        DemoReport(tally: tally, refused: 0, nodes: ["a:1", "b:2", "c:3"], stoppedNode: "b:2", duration: .seconds(1))
    }

    @Test func allOnceAndOnTimeIsSuccess() throws {
        var tally = try tally(["x", "y"])
        #expect(tally.lost == 2)
        tally.delivered(delivery("x", at: 1_000_000))
        tally.delivered(delivery("y", at: 1_003_000))
        #expect(report(tally).isSuccess)
        #expect(tally.copies == ["a:1": 2, "b:2": 2])
        #expect(tally.lateness == [.zero, .milliseconds(3)])
        let json = try JSONLine(report(tally).json)
        #expect(try json.number("delivered") == 2)
        #expect(try json.number("latenessMaxMs") == 3)
    }

    @Test func everyFaultIsSeen() throws {
        var tally = try tally(["a", "b", "c", "d"])
        tally.delivered(delivery("a", at: 999_999))
        tally.delivered(delivery("b", at: 1_000_000))
        tally.delivered(delivery("b", at: 1_000_000))
        tally.delivered(delivery("c", at: 1_000_000, body: "C"))
        tally.delivered(delivery("z", at: 1_000_000))
        #expect(tally.early == 1)
        #expect(tally.duplicates == 1)
        #expect(tally.damaged == 1)
        #expect(tally.lost == 1)
        #expect(tally.unexpected == 1)
        #expect(tally.deliveredCount == 3)
        #expect(!report(tally).isSuccess)
    }

    @Test func nothingScheduledIsNoSuccess() {
        #expect(!report(DemoTally()).isSuccess)
    }

    @Test func percentilesAreValuesThatOccurred() {
        let values = (1...200).map { Duration.milliseconds($0) }
        #expect(DemoReport.percentile(50, of: values) == .milliseconds(100))
        #expect(DemoReport.percentile(99, of: values) == .milliseconds(198))
        #expect(DemoReport.percentile(99, of: [.seconds(1)]) == .seconds(1))
        #expect(DemoReport.percentile(50, of: []) == nil)
    }
}
