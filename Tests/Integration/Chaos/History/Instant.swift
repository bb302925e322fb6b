#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A moment by this machine's civil clock, which all processes of a round share; in microseconds since 1970.
struct Instant: Hashable, Comparable, Codable {
    var microseconds: Int64

    static func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    static func < (a: Instant, b: Instant) -> Bool { a.microseconds < b.microseconds }

    static func + (a: Instant, b: Duration) -> Instant {
        Instant(microseconds: a.microseconds + Int64(b / .microseconds(1)))
    }

    static func - (a: Instant, b: Duration) -> Instant { a + (.zero - b) }

    static func - (a: Instant, b: Instant) -> Duration { .microseconds(a.microseconds - b.microseconds) }
}

extension Instant {
    /// Reads what `dq` prints: `2026-01-02T03:04:05.678000Z`.
    init?(iso8601 text: String) {
        let fields = text.split { !$0.isNumber }.map { Int64($0) ?? -1 }
        guard fields.count == 7, text.utf8.count == 27, text.hasSuffix("Z"), !fields.contains(-1) else { return nil }
        var parts = tm()
        parts.tm_year = Int32(fields[0]) - 1900
        parts.tm_mon = Int32(fields[1]) - 1
        parts.tm_mday = Int32(fields[2])
        parts.tm_hour = Int32(fields[3])
        parts.tm_min = Int32(fields[4])
        parts.tm_sec = Int32(fields[5])
        self.init(microseconds: Int64(timegm(&parts)) * 1_000_000 + fields[6])
    }

    /// As `dq` reads it: `@1735689600.250000`.
    var unixSeconds: String {
        let fraction = String(microseconds % 1_000_000)
        return "@\(microseconds / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
    }
}
