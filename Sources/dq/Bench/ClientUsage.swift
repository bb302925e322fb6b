import Foundation

/// What this process has used since it began.
struct ClientUsage: Sendable {
    var cpu: Duration
    /// Bytes.
    var peakMemory: Int

    static func now() -> ClientUsage {
        var usage = rusage()
        #if os(Linux)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            let unit = 1024
        #else
            getrusage(RUSAGE_SELF, &usage)
            let unit = 1
        #endif
        return ClientUsage(
            cpu: duration(usage.ru_utime) + duration(usage.ru_stime), peakMemory: Int(usage.ru_maxrss) * unit)
    }

    private static func duration(_ time: timeval) -> Duration {
        .seconds(Int64(time.tv_sec)) + .microseconds(Int64(time.tv_usec))
    }

    /// What is resident now, in bytes; nil where the system does not tell.
    static func memory() -> Int? {
        // "size resident shared ...", in pages.
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? Int(fields[1]).map { $0 * sysconf(Int32(_SC_PAGESIZE)) } : nil
    }
}
