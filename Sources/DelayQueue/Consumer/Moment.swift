#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

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
        Uptime(microseconds: a.microseconds + b.wholeMicroseconds)
    }

    package static func - (a: Uptime, b: Uptime) -> Duration {
        .microseconds(a.microseconds - b.microseconds)
    }
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
        var time = timespec()
        #if os(Linux)
            clock_gettime(CLOCK_BOOTTIME, &time)
        #else
            clock_gettime(CLOCK_MONOTONIC, &time)
        #endif
        let uptime = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
        return Moment(wall: .now(), uptime: Uptime(microseconds: uptime))
    }
}

extension Duration {
    /// The duration in microseconds, fractions dropped, clamped to what an `Int64` holds.
    package var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        let (micros, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = micros.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return overflowed ? .max : sum
    }
}
