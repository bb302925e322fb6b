/// What is known about a supervisor and its server, from the lines the supervisor wrote.
struct SupervisorState: Sendable {
    enum Problem: Equatable, Sendable {
        /// The executable is in none of these directories, separated by colons.
        case executableMissing(searchPath: String)
        case noFolder
        case notSpawned(String)
    }

    /// The server's working directory.
    private(set) var folder: String?
    private(set) var problem: Problem?

    /// The server's process id, while it runs.
    private(set) var processID: Int32?
    private(set) var startCount = 0
    /// How the last server process ended: its exit code, or 128 and the number of the signal that ended it.
    private(set) var lastStatus: Int?

    private var sentSignals = 0
    private(set) var answeredSignals = 0

    /// The supervisor has ended.
    private(set) var isClosed = false

    mutating func receive(_ line: String) {
        let words = line.split(separator: " ", maxSplits: 1)
        let argument = words.count > 1 ? String(words[1]) : ""
        switch words.first {
        case "folder":
            folder = argument
        case "missing":
            problem = .executableMissing(searchPath: argument)
        case "broken":
            problem = .noFolder
        case "started":
            processID = Int32(argument)
            startCount += 1
        case "sent":
            answeredSignals += 1
        case "exited":
            lastStatus = Int(argument)
            serverEnded()
        default:
            break
        }
    }

    /// Notes that a signal is about to be asked for.
    ///
    /// - Returns: the number of answers after which this one has been answered too. The end of the server answers all.
    mutating func sendSignal() -> Int {
        sentSignals += 1
        return sentSignals
    }

    mutating func close(_ problem: Problem? = nil) {
        self.problem = self.problem ?? problem
        isClosed = true
        serverEnded()
    }

    private mutating func serverEnded() {
        processID = nil
        answeredSignals = sentSignals
    }
}
