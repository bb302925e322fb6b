import Subprocess

/// How a job's command ended.
struct CommandOutcome: Hashable, Sendable {
    let status: TerminationStatus

    /// Nil where a signal ended it.
    var exitStatus: Int? {
        if case .exited(let code) = status { Int(code) } else { nil }
    }

    /// Nil where it exited by itself.
    var signal: Int? {
        if case .signaled(let number) = status { Int(number) } else { nil }
    }
}

/// A command that did not exit with 0, so that its job is retried.
struct CommandFailure: Error, CustomStringConvertible {
    let outcome: CommandOutcome

    var description: String {
        switch outcome.status {
        case .exited(let code): "the command exited with status \(code)"
        case .signaled(let number): "the command was ended by signal \(number)"
        }
    }
}

/// A command that did not begin, for which its job is not to blame: it goes back to the queue, where others may run it.
struct CommandNotStarted: Error, CustomStringConvertible {
    let reason: any Error

    var description: String {
        "commands cannot be started (\(reason)); no more jobs are taken, and what did not run goes back to the queue"
    }
}
