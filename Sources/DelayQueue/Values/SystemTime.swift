#if canImport(Glibc)
    import Glibc
    #if canImport(SwiftOverlayShims)
        // Which module the compiler takes `timespec` from depends on which of them it happens to load first.
        import SwiftOverlayShims
    #endif
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The system's clocks, in microseconds.
enum SystemTime {
    /// Since 1970-01-01T00:00:00Z.
    static func civil() -> Int64 { read(CLOCK_REALTIME) }

    /// Since the machine started, time spent suspended included.
    static func uptime() -> Int64 {
        #if os(Linux)
            read(CLOCK_BOOTTIME)
        #else
            read(CLOCK_MONOTONIC)
        #endif
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // Cannot fail: the clocks are ones that every supported system has.
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
