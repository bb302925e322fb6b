#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The command that consumers under fire run for each job: notes its start, works for a while, notes its end.
///
/// A program of its own and not a shell script, because it has to tell how it ended: SIGTERM is how a consumer ends it,
/// and being killed leaves no note at all.
///
/// The job's body is `<token> <milliseconds> <failing runs>`, or `<token> <milliseconds> poison`: then the consumer is
/// killed. A note is one line, appended in one write:
/// `<microseconds> <consumer> <job id> <attempt> <token> <event>`.
@main
struct ChaosHandler {
    private let path: String
    private let prefix: String

    static func main() {
        // Blocked, so that it can be asked for between two slices of work.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigprocmask(SIG_BLOCK, &signals, nil)

        let words = standardInput().split(separator: " ")
        guard let path = variable("CHAOS_RUNS"), let consumer = variable("CHAOS_CONSUMER"),
            let id = variable("DQ_JOB_ID"), let attempt = variable("DQ_ATTEMPT").flatMap({ Int($0) }),
            words.count >= 3, let milliseconds = Int64(words[1]),
            let failingRuns = words[2] == "poison" ? 0 : Int(words[2])
        else {
            // Not 1: a consumer would take that for a job that failed as planned.
            exit(2)
        }
        let handler = ChaosHandler(path: path, prefix: "\(consumer) \(id) \(attempt) \(words[0])")
        handler.note("started")
        let isTerminated = handler.work(until: now() + milliseconds * 1000)
        if isTerminated {
            handler.note("terminated")
            exit(143)
        }
        if words[2] == "poison" { handler.killConsumer() }
        let fails = attempt <= failingRuns
        handler.note(fails ? "failed" : "completed")
        exit(fails ? 1 : 0)
    }

    /// - Returns: whether SIGTERM arrived before the time was over.
    private func work(until end: Int64) -> Bool {
        while true {
            var pending = sigset_t()
            sigpending(&pending)
            if sigismember(&pending, SIGTERM) == 1 { return true }
            let rest = end - Self.now()
            guard rest > 0 else { return false }
            usleep(UInt32(min(rest, 10_000)))
        }
    }

    /// Whoever started this process, if it is still there.
    private func killConsumer() -> Never {
        let parent = getppid()
        guard prefix.prefix(while: { $0 != " " }).hasSuffix("/\(parent)") else { exit(4) }
        note("poisoned")
        kill(parent, SIGKILL)
        exit(0)
    }

    private func note(_ event: String) {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        let line = Array("\(Self.now()) \(prefix) \(event)\n".utf8)
        // What cannot be noted must not count as done.
        guard descriptor >= 0, write(descriptor, line, line.count) == line.count else { exit(3) }
        close(descriptor)
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    private static func standardInput() -> String {
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(STDIN_FILENO, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += piece[..<count]
        }
    }
}
