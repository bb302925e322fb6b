import ArgumentParser
import CommandSupport
import Foundation

/// How a command that changes many jobs is told to.
struct DecisionOptions: ParsableArguments {
    @Flag(help: "Print which jobs are meant, and change nothing.")
    var dryRun = false

    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    /// Asks whether to go on, where nobody said so before.
    ///
    /// - Parameter question: what would be done, and to how many.
    /// - Throws: `ValidationError` where nobody can be asked; `ExitCode` where the answer is no; `CancellationError`.
    func confirm(_ question: String) async throws {
        guard !yes else { return }
        guard isatty(STDIN_FILENO) == 1 else {
            throw ValidationError(
                "\(question)? Standard input is no terminal, so that nobody can be asked: add --yes to do it, or --dry-run to look."
            )
        }
        StandardStream.error.note("\(question)? [y/N]")
        let answer = try await ByteSource(path: "-").next(atMost: 1024)
        let word = String(decoding: answer, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines).lowercased()
        guard ["y", "yes"].contains(word) else {
            StandardStream.error.note("nothing was changed")
            throw ExitCode.failure
        }
    }
}
