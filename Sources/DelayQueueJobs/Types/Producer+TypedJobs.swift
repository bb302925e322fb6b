public import DelayQueue
public import Foundation
import Instrumentation
import NIOCore
import ServiceContextModule
import Tracing

extension JobQueue {
    /// Schedules a job for an instant. See ``DelayQueue/Producer/at(_:_:options:)`` for what that promises and throws.
    ///
    /// The trace of the caller travels with the job: its handler's span is linked to the one that scheduled it.
    @discardableResult
    public func schedule<J: TypedJob>(
        _ job: J, at date: Date, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        try await producer.schedule(job, at: date, options: options)
    }

    /// Schedules a job for some time from now.
    @discardableResult
    public func schedule<J: TypedJob>(
        _ job: J, after delay: Duration, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        try await producer.schedule(job, after: delay, options: options)
    }
}

extension Producer {
    /// Schedules a job for an instant. See ``at(_:_:options:)`` for what that promises and throws.
    @discardableResult
    public func schedule<J: TypedJob>(
        _ job: J, at date: Date, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        try await schedule(JobRequest(job, at: date, options: options), named: J.jobName)
    }

    /// Schedules a job for some time from now.
    @discardableResult
    public func schedule<J: TypedJob>(
        _ job: J, after delay: Duration, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        try await schedule(JobRequest(job, after: delay, options: options), named: J.jobName)
    }

    private func schedule(_ request: JobRequest, named name: String) async throws(DelayQueueError) -> Receipt {
        let result = await withSpan("\(queue) publish", ofKind: .producer) { span in
            span.describe(.publish, queue: "\(queue)", jobType: name)
            var request = request
            InstrumentationSystem.instrument.inject(
                span.context, into: &request.options.headers, using: HeaderCarrier())
            let result = await schedule([request])[0]
            switch result {
            case .success(let receipt): span.attributes["messaging.message.id"] = "\(receipt.jobID)"
            case .failure(let error):
                span.recordError(error)
                span.fail(error, as: "\(error.code)")
            }
            return result
        }
        return try result.get()
    }
}

extension JobRequest {
    /// A typed job for an instant, to be scheduled together with others by ``DelayQueue/Producer/schedule(_:)``. No trace goes
    /// with it.
    ///
    /// - Throws: `invalidOption` where the type's name is none, `invalidBody` where the value does not encode.
    public init<J: TypedJob>(_ job: J, at date: Date, options: JobOptions = .init()) throws(DelayQueueError) {
        self.init(at: date, try EncodedJob(job), options: try options.naming(J.self))
    }

    /// A typed job for some time from now, to be scheduled together with others.
    ///
    /// - Throws: as ``init(_:at:options:)``.
    public init<J: TypedJob>(_ job: J, after delay: Duration, options: JobOptions = .init()) throws(DelayQueueError) {
        self.init(delay: delay, try EncodedJob(job), options: try options.naming(J.self))
    }
}

extension JobOptions {
    func naming(_ type: (some TypedJob).Type) throws(DelayQueueError) -> JobOptions {
        try JobTypeName.validate(type.jobName, of: type)
        var options = self
        options.headers[JobTypeName.header] = type.jobName
        return options
    }
}

/// A typed job's body.
private struct EncodedJob: JobBody {
    let bytes: ByteBuffer
    let defaultContentType: String?

    init<J: TypedJob>(_ job: J) throws(DelayQueueError) {
        let codec = J.codec
        do {
            bytes = try codec.encode(job)
        } catch {
            throw DelayQueueError(.invalidBody, "a job \(J.jobName) could not be encoded", underlying: error)
        }
        defaultContentType = codec.contentType
    }

    func write(into buffer: inout ByteBuffer) { buffer.writeImmutableBuffer(bytes) }
}
