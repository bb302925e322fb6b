import Beanstalk
import NIOCore

/// What a beanstalkd server may say about itself, its tubes and jobs: numbers that can be summed, errors that can be logged,
/// and the same subject for whoever asks whose statistics they are.
enum StatisticsProperties {
    static func check(_ input: ByteBuffer) throws(PropertyViolation) -> Bool {
        var isAccepted = false
        if let job = try read({ () throws(BeanstalkError) in try JobStatistics(parsing: input) }) {
            isAccepted = true
            guard job["id"] == job.id.description || UInt64(job["id"] ?? "") == job.id.rawValue else {
                throw PropertyViolation("job \(job.id) has the id \(job["id"] ?? "none")")
            }
            let other = BeanstalkJobID(job.id.rawValue &+ 1)
            if job["id"] == job.id.description, !BeanstalkReply.ok(input).answers(.statsJob(job.id)) {
                throw PropertyViolation("the statistics of job \(job.id) are called another's")
            }
            if job["id"] == job.id.description, BeanstalkReply.ok(input).answers(.statsJob(other)) {
                throw PropertyViolation("the statistics of job \(job.id) are called those of \(other)")
            }
        }
        if let tube = try read({ () throws(BeanstalkError) in try TubeStatistics(parsing: input) }) {
            isAccepted = true
            // As whoever counts a tube's jobs does.
            _ = tube.currentJobsReady + tube.currentJobsReserved + tube.currentJobsDelayed + tube.currentJobsBuried
        }
        if try read({ () throws(BeanstalkError) in try ServerStatistics(parsing: input) }) != nil { isAccepted = true }
        if let tubes = try read({ () throws(BeanstalkError) in try TubeName.list(parsing: input) }) {
            isAccepted = isAccepted || !tubes.isEmpty
            let text = "---\n" + tubes.map { "- \($0)\n" }.joined()
            guard (try? TubeName.list(parsing: ByteBuffer(string: text))) == tubes else {
                throw PropertyViolation("the tubes \(tubes) were not read again")
            }
        }
        return isAccepted
    }

    private static func read<Value>(
        _ parse: () throws(BeanstalkError) -> Value
    ) throws(PropertyViolation) -> Value? {
        do throws(BeanstalkError) {
            return try parse()
        } catch {
            let text = "\(error)"
            guard error.code == .malformedReply || error.code == .invalidTubeName,
                text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) || text.contains("…"),
                text.utf8.count < 1_000
            else { throw PropertyViolation("the error is \(error)") }
            return nil
        }
    }
}
