/// What a handler throws to say how its job is to go on, whatever its retry policy says.
///
/// ```swift
/// guard let invoice = try await store.find(job.number) else { throw JobVerdict.bury("there is no such invoice") }
/// ```
public struct JobVerdict: Error, Hashable, Sendable {
    enum Value: Hashable, Sendable {
        case bury(reason: String)
        case retry(after: Duration)
        case giveBack(after: Duration)
    }

    let value: Value

    /// The job is never tried again: it is dead, with this reason, until somebody replays or drops it.
    public static func bury(_ reason: String) -> JobVerdict { JobVerdict(value: .bury(reason: reason)) }

    /// The job failed, and runs again after this time; it is given up where its failures are used up.
    public static func retry(after delay: Duration) -> JobVerdict {
        JobVerdict(value: .retry(after: max(delay, .zero)))
    }

    /// The job was not run, and goes back to the queue without a failure's being counted.
    ///
    /// - Parameter delay: until it may be claimed again.
    public static func giveBack(after delay: Duration = .zero) -> JobVerdict {
        JobVerdict(value: .giveBack(after: max(delay, .zero)))
    }
}

extension JobVerdict: CustomStringConvertible {
    public var description: String {
        switch value {
        case .bury(let reason): reason
        case .retry(let delay): "asked to run again after \(delay)"
        case .giveBack(let delay): delay == .zero ? "given back" : "given back for \(delay)"
        }
    }
}

/// A handler took longer than its time-out, and was cancelled.
public struct JobTimedOut: Error, Hashable, Sendable, CustomStringConvertible {
    public let limit: Duration

    public var description: String { "the handler took longer than its time-out of \(limit)" }
}
