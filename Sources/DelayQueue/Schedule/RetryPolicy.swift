/// When a failed job runs again, and when it is given up.
///
/// The wait doubles with every failure up to a limit, and a share of it is left to chance so that jobs that failed
/// together do not come back together. With the defaults a job is given up after 25 failures and
/// 10 to 14 hours of waiting.
public struct RetryPolicy: Sendable, Hashable {
    /// How many failures end a job: it is then given up, and dead until it is replayed; 25 by default. Thrown errors
    /// count, and runs that were ended with a retry.
    public var maximumFailures = 25

    /// How many leases that ended while the job was alone in its process end it; 3 by default.
    ///
    /// A lease ends when its process dies or falls silent, of whatever reason, so a job is tried alone after two ended
    /// leases, and only those that end then are held against it.
    public var maximumEndedAlone = 3

    /// The wait after the first failure, 1 second by default.
    public var initialDelay: Duration = .seconds(1)

    /// What each further failure multiplies the wait by, 2 by default.
    public var multiplier = 2.0

    /// The longest wait, 1 hour by default.
    public var maximumDelay: Duration = .seconds(3600)

    /// The share of each wait that chance may take away, within 0...1; 0.2 by default.
    public var jitter = 0.2

    public init() {}

    /// How long a job waits after a failure, for whoever plans or shows what a policy means.
    ///
    /// ```swift
    /// let longest = (1..<policy.maximumFailures).compactMap { policy.delay(afterFailures: $0, chance: 0) }
    /// ```
    ///
    /// Consumers ask with another chance each time. Settings that a consumer would refuse give some wait within
    /// zero and ``maximumDelay``.
    ///
    /// - Parameter failures: how many there were so far; 1 after the first.
    /// - Parameter chance: how much of the jitter is taken away: 0 for the longest wait, 1 for the shortest; what lies
    ///   outside counts as the nearer of the two.
    /// - Returns: nil where the job is given up instead.
    public func delay(afterFailures failures: Int, chance: Double) -> Duration? {
        guard failures < maximumFailures else { return nil }
        return wait(step: failures, share: 1 - Self.fraction(jitter) * Self.fraction(chance))
    }

    /// How long a job waits after a lease of it ended. All of it is left to chance, as jobs that were with it may be back
    /// at the same time.
    package func delay(afterEndedLeases count: Int, chance: Double) -> Duration {
        wait(step: count, share: Self.fraction(chance))
    }

    /// Why a job is to be given up instead of run; nil where it is not.
    package func end(of failures: JobFailures) -> String? {
        if failures.endedAlone >= maximumEndedAlone {
            return "\(failures.endedAlone) leases ended while it ran alone in its process"
        }
        return failures.errors >= maximumFailures ? "\(failures.errors) failures" : nil
    }

    private func wait(step: Int, share: Double) -> Duration {
        let initial = min(initialDelay, maximumDelay) / .seconds(1)
        // In floating point, where a huge product becomes infinite instead of trapping; zero times that is nothing.
        let full = initial > 0 ? initial * growth(steps: max(step, 1) - 1) : 0
        // What is more than the limit, or no number at all, is the limit, which is a duration already.
        guard full < maximumDelay / .seconds(1) else { return max(min(maximumDelay * share, maximumDelay), .zero) }
        return .seconds(max(full, 0) * share)
    }

    /// The nearest number within 0...1; 0 for what is no number.
    private static func fraction(_ number: Double) -> Double {
        number > 0 ? min(number, 1) : 0
    }

    /// The multiplier to the power of a number of steps, by squaring.
    private func growth(steps: Int) -> Double {
        var factor = 1.0
        var power = multiplier
        var steps = max(steps, 0)
        while steps > 0 {
            if steps & 1 == 1 { factor *= power }
            power *= power
            steps >>= 1
        }
        return factor
    }

    /// What makes the settings unusable, in words; empty where nothing does.
    package var problems: [String] {
        var problems: [String] = []
        if maximumFailures < 1 { problems.append("retry.maximumFailures is \(maximumFailures), not at least 1") }
        if maximumEndedAlone < 1 {
            problems.append("retry.maximumEndedAlone is \(maximumEndedAlone), not at least 1")
        }
        if initialDelay < .zero { problems.append("retry.initialDelay is negative") }
        if maximumDelay < initialDelay { problems.append("retry.maximumDelay is less than retry.initialDelay") }
        if !(multiplier >= 1) { problems.append("retry.multiplier is \(multiplier), not at least 1") }
        if !(0...1).contains(jitter) { problems.append("retry.jitter is \(jitter), not within 0...1") }
        return problems
    }
}
