/// How fast an application takes jobs, measured from its own pace.
///
/// Reserving is exclusive, so a consumer looks ahead only as far as the application gets in one window.
package struct DemandMeter: Sendable {
    /// The demand horizon.
    package static let window = Duration.milliseconds(100)

    private static let windowLength = window.wholeMicroseconds

    /// The furthest look ahead, in jobs.
    package static let limit = 256

    private var windowStart = Uptime(microseconds: 0)
    private var current = 0
    private var previous = 0

    package init() {}

    package mutating func took(now: Uptime) {
        roll(to: now)
        current += 1
    }

    /// How many jobs the application is expected to take within the next window; 0 for one slower than a few a window.
    package mutating func horizon(now: Uptime) -> Int {
        roll(to: now)
        let pace = max(current, previous)
        // A slow application gains nothing from jobs fetched ahead, and others could have run them.
        return pace < 4 ? 0 : min(pace, Self.limit)
    }

    private mutating func roll(to now: Uptime) {
        let age = now.microseconds(since: windowStart)
        guard age >= Self.windowLength else { return }
        previous = age < Self.windowLength * 2 ? current : 0
        current = 0
        windowStart = now
    }
}
