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
            cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
            peakMemory: memoryOfThisProgram(key: "VmHWM:") ?? Int(usage.ru_maxrss) * unit)
    }

    private static func duration(_ time: timeval) -> Duration {
        .seconds(Int64(time.tv_sec)) + .microseconds(Int64(time.tv_usec))
    }

    /// What is resident now, in bytes; nil where the system does not tell.
    static func memory() -> Int? { memoryOfThisProgram(key: "VmRSS:") }

    /// A line of Linux's status of the process, in bytes.
    ///
    /// What `getrusage` calls the most resident begins with what the parent had when it started this program.
    private static func memoryOfThisProgram(key: String) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
        // "VmRSS:     1234 kB"
        let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
}
