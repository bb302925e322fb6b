import CommandSupport
import DelayQueue
import Foundation
import NIOCore
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// Runs a shell command for a job, its body on standard input.
struct CommandRunner: Sendable {
    let command: String
    /// Where the command's standard output goes.
    let output: FileDescriptorOutput
    /// Ends the commands where this process can not.
    let watch = CommandWatch()

    /// How long a command may take to end once it is asked to, before it is killed.
    private static let grace = Duration.seconds(2)

    /// Runs the command to its end.
    ///
    /// Cancellation ends the command and all it has started in its process group: SIGTERM, and SIGKILL for what is
    /// left after 2 seconds. Subprocess starts it with default signal handling and with no descriptor but the
    /// standard three: a copy of a node's connection in the child would keep reservations alive after this process.
    ///
    /// - Throws: where the command could not be started.
    func run(_ job: Job) async throws -> CommandOutcome {
        try Task.checkCancellation()
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: Self.grace)
        ]
        let environment = Environment.inherit.updating([
            "DQ_JOB_ID": job.id.description,
            "DQ_ATTEMPT": "\(job.attempt)",
            "DQ_FIRE_DATE": DateText.string(of: job.fireDate),
        ])
        let body = [UInt8](job.body.readableBytesView)
        let result = try await Subprocess.run(
            .path("/bin/sh"), arguments: ["-c", command], environment: environment, platformOptions: options,
            input: .inputWriter, output: output, error: .currentStandardError
        ) { execution in
            watch.began(execution.processIdentifier)
            // A command need not read its input: that it closed it, or ended, is no failure.
            _ = try? await execution.standardInputWriter.write(body)
            try? await execution.standardInputWriter.finish()
        }
        // What the command started may have outlived it. The group's number cannot mean another group as long as a
        // process is left in it, and with none left there is nothing to kill: numbers are not given out again so soon.
        if Task.isCancelled { kill(-result.processIdentifier.value, SIGKILL) }
        watch.ended(result.processIdentifier)
        return CommandOutcome(status: result.terminationStatus)
    }
}
