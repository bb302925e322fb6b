import Beanstalk
import DelayQueue
import Testing

@Suite struct DeathReportTests {
    @Test func `a long reason is cut between characters`() {
        let report = DeathReport(
            reason: String(repeating: "é", count: 400), consumer: String(repeating: "x", count: 501))
        #expect(report.reason == String(repeating: "é", count: 250))
        #expect(report.consumer.utf8.count == 500)
        #expect(DeathReport(reason: String(repeating: "y", count: 500), consumer: "").reason.utf8.count == 500)
    }

    @Test func `the copies told of last are known`() throws {
        let address = try BeanstalkNode("127.0.0.1:1").address
        func copies(_ numbers: ClosedRange<UInt64>) -> [StoredCopy] {
            numbers.map { StoredCopy(address, BeanstalkJobID($0)) }
        }
        var report = DeathReport(reason: "", consumer: "", copies: copies(1...70))
        #expect(report.copies == copies(7...70))
        report.add(copies(8...9) + copies(71...71))
        #expect(report.copies == copies(10...70) + copies(8...9) + copies(71...71))
    }
}
