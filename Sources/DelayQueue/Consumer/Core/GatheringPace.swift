/// Whether jobs come so fast that it pays to gather what is sent for them.
///
/// A server works off ten commands that come together in little more time than one that comes alone, and so does this
/// process. What is held up by gathering is late by ``rest`` at most, so it is done at a brisk pace only.
struct GatheringPace {
    /// How long commands that nobody waits for gather.
    static let rest = Duration.milliseconds(5)

    /// In microseconds.
    private static let window: Int64 = 10_000

    /// So many steps of jobs in one window are a brisk pace.
    let threshold: Int
    private var windowStart = Uptime(microseconds: 0)
    private var current = 0
    private var previous = 0

    init(threshold: Int) {
        self.threshold = threshold
    }

    /// A job was reserved, delivered or settled.
    mutating func step(_ now: Moment) {
        let age = now.uptime.microseconds(since: windowStart)
        if age >= Self.window {
            previous = age < Self.window * 2 ? current : 0
            current = 0
            windowStart = now.uptime
        }
        current += 1
    }

    func isBrisk(_ now: Moment) -> Bool {
        let age = now.uptime.microseconds(since: windowStart)
        if age < Self.window { return max(current, previous) >= threshold }
        return age < Self.window * 2 && current >= threshold
    }
}
