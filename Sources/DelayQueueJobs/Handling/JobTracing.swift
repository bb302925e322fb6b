import DelayQueue
import Instrumentation
import ServiceContextModule
import Tracing

/// Carries the context of a trace in a job's headers.
struct HeaderCarrier: Injector, Extractor {
    /// The most bytes a value may have: what W3C's baggage may be long.
    private static let longest = 8192

    func inject(_ value: String, forKey key: String, into headers: inout JobHeaders) {
        // What comes with a trace, perhaps from far away, must not keep the job from being scheduled.
        let name = key.lowercased()
        guard JobHeaders.isName(name.utf8), JobHeaders.isValue(value.utf8), value.utf8.count <= Self.longest else {
            return
        }
        headers[name] = value
    }

    func extract(key: String, from headers: JobHeaders) -> String? {
        headers[key.lowercased()]
    }
}

extension JobHeaders {
    /// The span in which the job was scheduled; nil where none came with it.
    var origin: SpanLink? {
        var context = ServiceContext.topLevel
        InstrumentationSystem.instrument.extract(self, into: &context, using: HeaderCarrier())
        return context.isEmpty ? nil : SpanLink(context: context, attributes: [:])
    }
}

/// OpenTelemetry's names for what is done with messages.
enum MessagingOperation: String {
    case publish
    case process
}

extension Span {
    /// - Parameter jobType: nil where jobs of several types are meant, or of none.
    func describe(_ operation: MessagingOperation, queue: String, jobType: String?) {
        attributes["messaging.system"] = "delayqueue"
        attributes["messaging.destination.name"] = queue
        attributes["messaging.operation.type"] = operation.rawValue
        if let jobType { attributes["dq.job.type"] = jobType }
    }

    /// The first refusal is told in full, and how many there were.
    func tell(of results: [Result<Receipt, DelayQueueError>]) {
        let errors = results.compactMap { result in if case .failure(let error) = result { error } else { nil } }
        guard let first = errors.first else { return }
        recordError(first)
        fail(first, as: "\(first.code)")
        guard results.count > 1 else { return }
        setStatus(SpanStatus(code: .error, message: "\(errors.count) of \(results.count) were refused: \(first)"))
    }

    /// - Parameter code: of few different values, as error types are grouped by it.
    func fail(_ error: any Error, as code: String) {
        attributes["error.type"] = code
        setStatus(SpanStatus(code: .error, message: "\(error)"))
    }
}
