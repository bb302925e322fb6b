import CommandSupport
import DelayQueue
import Subprocess

/// What is done with each job: print it, or run a command for it.
struct JobAction: Sendable {
    /// Nil prints the job.
    var runner: CommandRunner?
    var isJSON: Bool
    var printsTimestamps: Bool
    private var output: StandardStream { .output }

    /// Does a consumer's work, and sees to it that commands end with this process.
    func watched(_ work: () async throws -> Void) async throws {
        if let runner { try await runner.watch.during(work) } else { try await work() }
    }

    /// Kills the commands that run.
    func kill() { runner?.watch.kill() }

    /// Does it; when this returns the job is complete.
    ///
    /// - Parameter outputFailed: called where a command's end could not be printed; for its job that changes nothing.
    /// - Throws: `StreamFailure` where the job could not be printed, `CommandFailure`, or `CancellationError` for a
    ///   command that was cut short.
    func perform(_ job: Job, outputFailed: (StreamFailure) -> Void) async throws {
        let deliveredAt = printsTimestamps ? Timestamp.now() : nil
        guard let runner else {
            let (text, isJSON, output) = (JobText(job: job, deliveredAt: deliveredAt), isJSON, output)
            try await output.write(making: { isJSON ? text.json : text.line(isTerminal: output.isTerminal) })
            return
        }
        let outcome = try await runner.run(job)
        if !outcome.status.isSuccess {
            // Ended by us: the job did not fail.
            try Task.checkCancellation()
            StandardStream.error.note("job \(job.id), attempt \(job.attempt): \(CommandFailure(outcome: outcome))")
        }
        let text = JobText(job: job, deliveredAt: deliveredAt, outcome: outcome)
        do {
            if isJSON { try await output.write(text.json) }
        } catch let failure as StreamFailure {
            outputFailed(failure)
        }
        if !outcome.status.isSuccess { throw CommandFailure(outcome: outcome) }
    }
}
