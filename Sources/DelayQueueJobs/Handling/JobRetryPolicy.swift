public import DelayQueue

/// What becomes of a job whose handler threw.
public struct JobRetryPolicy: Sendable {
    let decide: @Sendable (_ error: any Error, _ failures: Int) -> JobVerdict

    /// - Parameter decide: what is to be done, given what the handler threw and how often the job has failed by now, this
    ///   time included. It is not asked where the handler threw a ``JobVerdict``.
    public init(_ decide: @escaping @Sendable (_ error: any Error, _ failures: Int) -> JobVerdict) {
        self.decide = decide
    }

    /// Waits that grow with each failure, until they are used up.
    public static func backoff(_ policy: RetryPolicy = .init()) -> JobRetryPolicy {
        JobRetryPolicy { error, failures in
            policy.delay(afterFailures: failures, chance: .random(in: 0...1)).map { .retry(after: $0) }
                ?? .bury("\(error)")
        }
    }

    /// The first failure makes the job dead.
    public static var never: JobRetryPolicy { JobRetryPolicy { error, _ in .bury("\(error)") } }
}
