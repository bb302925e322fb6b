import Beanstalk
public import DelayQueue
public import DelayQueueJobs
public import Foundation

extension Job {
    /// A job for the unit test of a handler. Nothing is scheduled, claimed or sent.
    ///
    /// ```swift
    /// let job = try Job.test("42", failures: 2)
    /// try await handle(job)
    /// #expect(job.testOutcome == .completed)
    /// ```
    ///
    /// - Parameters:
    ///   - attempt: the number of the run; by default one more than what failed and ended before.
    ///   - failures: how many runs failed before this one.
    ///   - endedLeases: how many ended with their lease.
    ///   - fireDate: counts to the microsecond.
    ///   - lateness: is told as it is given, whatever the fire date.
    ///   - isLeaseLost: whether another consumer may run the job by now. Settling it is accepted all the same.
    /// - Throws: `invalidBody`, `invalidHeader`, `dateTooFar`, as scheduling such a job would.
    public static func test(
        _ body: some JobBody, id: JobID = .random(), headers: JobHeaders = [:], attempt: Int? = nil, failures: Int = 0,
        endedLeases: Int = 0, fireDate: Date = .now, lateness: Duration = .zero, isLeaseLost: Bool = false
    ) throws(DelayQueueError) -> Job {
        try test(
            JobRequest(at: fireDate, body, options: JobOptions(id: id, headers: headers)), id, attempt: attempt,
            JobFailures(errors: failures, endedLeases: endedLeases), fireDate, lateness, isLeaseLost)
    }

    /// A job of a type for the unit test of a worker's handler. Nothing is scheduled, claimed or sent.
    ///
    /// Its header `job-type` and its body are as the type says; for the rest see
    /// ``test(_:id:headers:attempt:failures:endedLeases:fireDate:lateness:isLeaseLost:)-(JobBody,_,_,_,_,_,_,_,_)``.
    ///
    /// - Throws: `invalidOption` where the type's name is none; `invalidBody`, `invalidHeader`, `dateTooFar`.
    public static func test(
        _ job: some TypedJob, id: JobID = .random(), headers: JobHeaders = [:], attempt: Int? = nil, failures: Int = 0,
        endedLeases: Int = 0, fireDate: Date = .now, lateness: Duration = .zero, isLeaseLost: Bool = false
    ) throws(DelayQueueError) -> Job {
        try test(
            JobRequest(job, at: fireDate, options: JobOptions(id: id, headers: headers)), id, attempt: attempt,
            JobFailures(errors: failures, endedLeases: endedLeases), fireDate, lateness, isLeaseLost)
    }

    private static func test(
        _ request: JobRequest, _ id: JobID, attempt: Int?, _ failures: JobFailures, _ fireDate: Date,
        _ lateness: Duration, _ isLeaseLost: Bool
    ) throws(DelayQueueError) -> Job {
        let headers = try request.options.resolvedHeaders(bodyContentType: request.body.defaultContentType)
        let record = Envelope(
            id: id, fireTime: try Timestamp(fireDate), copy: 0, copies: 0,
            timeToRun: request.options.timeToRunSeconds, priority: 0, headers: headers, body: try request.bytes())
        return Job(
            unclaimed: record, queue: .default, attempt: attempt ?? failures.errors + failures.endedLeases + 1,
            failures: failures, lateness: lateness, isLeaseLost: isLeaseLost, owner: TestJobOwner())
    }

    /// How a job was settled that the test made, `running` until it is; nil for the job of a consumer.
    ///
    /// A retry without a delay is one by the default ``DelayQueue/RetryPolicy``, without chance; that a consumer gives a job up
    /// whose failures are used up is not told here.
    public var testOutcome: TestRun.Outcome? { (owner as? TestJobOwner)?.outcome }
}
