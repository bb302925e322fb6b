/// Waits that double with every failure, up to a limit, each shortened by chance so that clients spread out.
public struct ExponentialBackoff: Hashable, Sendable {
    /// The wait after the first failure, before jitter.
    public var initial: Duration

    /// No wait is longer than this.
    public var maximum: Duration

    /// The share of a wait left to chance, within 0...1: a wait is between `(1 - jitter)` and 1 of its full length.
    public var jitter: Double

    public init(initial: Duration = .milliseconds(50), maximum: Duration = .seconds(5), jitter: Double = 0.5) {
        self.initial = initial
        self.maximum = maximum
        self.jitter = jitter
    }

    /// The wait after a number of failures in a row.
    ///
    /// - Parameter failures: how many attempts failed so far; 1 is the first.
    /// - Parameter chance: a number within 0...1 that places the wait within its jitter.
    public func delay(afterFailures failures: Int, chance: Double) -> Duration {
        // 2^40 × any initial wait is past every sensible maximum, and keeps the product in range.
        let doublings = min(max(failures, 1) - 1, 40)
        var full = initial
        for _ in 0..<doublings where full < maximum { full *= 2 }
        full = min(full, maximum)
        return full * (1 - min(max(jitter, 0), 1) * min(max(chance, 0), 1))
    }
}
