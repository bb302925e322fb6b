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

    /// Schedules many jobs of a type in few round trips, each for its own instant.
    ///
    /// ```swift
    /// let results = await queue.schedule(invoices.map { (SendInvoice(number: $0.number), $0.date) })
    /// ```
    ///
    /// One span tells of them all, and its trace travels with each. Cancelling the task refuses the jobs that are not accepted
    /// yet. Jobs of several types, and options for each, are for ``schedule(_:)``.
    ///
    /// - Parameter options: of each of the jobs. With an id, which they cannot share, each is refused as `invalidOption`.
    /// - Returns: a receipt or an error for each job, in their order: `invalidBody` for a value that does not encode, and what
    ///   ``schedule(_:at:options:)`` throws. One refused job does not affect the others.
    public func schedule<J: TypedJob>(
        _ jobs: some Sequence<(J, Date)>, options: JobOptions = .init()
    ) async -> [Result<Receipt, DelayQueueError>] {
        var requests: [JobRequest] = []
        var results: [Result<Receipt, DelayQueueError>?] = []
        for (job, date) in jobs {
            do throws(DelayQueueError) {
                guard options.id == nil, options.idConflict == .refuse else {
                    throw DelayQueueError(
                        .invalidOption,
                        "many jobs cannot share an id; leave id and idConflict out, or give each request options of its own"
                    )
                }
                requests.append(try JobRequest(job, at: date, options: options))
                results.append(nil)
            } catch {
                results.append(.failure(error))
            }
        }
        var answers = await schedule(requests)[...]
        return results.map { result in
            result ?? answers.popFirst() ?? .failure(DelayQueueError(.closed, "the job was not written"))
        }
    }

    /// Schedules many jobs of any types in few round trips, as ``DelayQueue/Producer/schedule(_:)`` does, and has the trace of the
    /// caller travel with each.
    ///
    /// ```swift
    /// let results = await queue.schedule([
    ///     try JobRequest(SendInvoice(number: 42), at: date), try JobRequest(SendDigest(), after: .seconds(60)),
    /// ])
    /// ```
    ///
    /// One span tells of them all. Cancelling the task refuses the jobs that are not accepted yet.
    ///
    /// - Returns: a receipt or an error for each request, in their order. One refused job does not affect the others.
    public func schedule(_ requests: [JobRequest]) async -> [Result<Receipt, DelayQueueError>] {
        await producer.publish(requests)
    }
}

extension Producer {
    /// Schedules a job for an instant. See ``at(_:_:options:)`` for what that promises and throws.
    @discardableResult
    public func schedule<J: TypedJob>(
        _ job: J, at date: Date, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        try await publish([JobRequest(job, at: date, options: options)])[0].get()
    }

    /// Schedules a job for some time from now.
    @discardableResult
    public func schedule<J: TypedJob>(
        _ job: J, after delay: Duration, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        try await publish([JobRequest(job, after: delay, options: options)])[0].get()
    }

    /// Schedules jobs in one span, whose context travels with each of them.
    func publish(_ requests: [JobRequest]) async -> [Result<Receipt, DelayQueueError>] {
        guard let first = requests.first else { return [] }
        return await withSpan("\(queue) publish", ofKind: .producer) { span in
            if span.isRecording {
                let type = first.options.headers[JobTypeName.header]
                let isOneType = requests.allSatisfy { $0.options.headers[JobTypeName.header] == type }
                span.describe(.publish, queue: "\(queue)", jobType: isOneType ? type : nil)
                if requests.count > 1 { span.attributes["messaging.batch.message_count"] = requests.count }
            }
            var requests = requests
            for index in requests.indices where requests[index].options.format == .native {
                InstrumentationSystem.instrument.inject(
                    span.context, into: &requests[index].options.traceHeaders, using: HeaderCarrier())
            }
            let results = await schedule(requests)
            if case .success(let receipt) = results[0], results.count == 1 {
                span.attributes["messaging.message.id"] = "\(receipt.jobID)"
            }
            span.tell(of: results)
            return results
        }
    }
}

extension JobRequest {
    /// A typed job for an instant, to be scheduled together with others: by ``DelayQueue/JobQueue/schedule(_:)``, or without the
    /// caller's trace by ``DelayQueue/Producer/schedule(_:)``.
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
