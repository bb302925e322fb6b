/// Time since the machine started, time spent suspended included.
///
/// Ages of reservations and leases are measured with it: a wall clock can be set, and a clock that stops while the
/// machine sleeps would take an expired reservation for a fresh one.
package struct Uptime: Hashable, Comparable, Sendable {
    package var microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static let distantFuture = Uptime(microseconds: .max)

    package static func < (a: Uptime, b: Uptime) -> Bool { a.microseconds < b.microseconds }

    package static func + (a: Uptime, b: Duration) -> Uptime {
        // A wait that somebody set to the longest there is ends never, and not the process.
        let (sum, overflow) = a.microseconds.addingReportingOverflow(b.wholeMicroseconds)
        return overflow ? .distantFuture : Uptime(microseconds: sum)
    }

    package static func - (a: Uptime, b: Uptime) -> Duration {
        .microseconds(a.microseconds(since: b))
    }

    /// The microseconds since an earlier time. This is asked for each job, and arithmetic with `Duration` takes many
    /// times as long.
    package func microseconds(since earlier: Uptime) -> Int64 { microseconds - earlier.microseconds }
}

/// One reading of both clocks: the wall's, which decides whether a job is due, and the uptime.
package struct Moment: Sendable {
    package var wall: Timestamp
    package var uptime: Uptime

    package init(wall: Timestamp, uptime: Uptime) {
        self.wall = wall
        self.uptime = uptime
    }

    package static func now() -> Moment {
        Moment(wall: .now(), uptime: Uptime(microseconds: SystemTime.uptime()))
    }
}
