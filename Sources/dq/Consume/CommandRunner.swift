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

/// Runs a shell command for a job, with a file of its body as standard input.
struct CommandRunner: Sendable {
    let command: String
    /// Where the command's standard output goes.
    let output: FileDescriptorOutput
    /// How many files a command may have open.
    let openFiles: Int
    /// Where jobs are taken from.
    let nodes: [BeanstalkNode]
    /// Whether the ledger's URL is no command's business, as a password is in it.
    let hasSecretLedger: Bool
    /// Ends the commands where this process can not.
    let watch = CommandWatch()

    /// How long a command may take to end once it is asked to, before it is killed.
    private static let grace = Duration.seconds(1)

    /// Runs the command to its end.
    ///
    /// Cancellation ends the command and all it has started in its process group: SIGTERM, and SIGKILL for what is
    /// left after a second. Subprocess starts it with default signal handling and with no descriptor but the
    /// standard three: a copy of a node's connection in the child would keep reservations alive after this process.
    ///
    /// - Throws: `CommandNotStarted`; whatever a cancellation causes.
    func run(_ job: Job) async throws -> CommandOutcome {
        try Task.checkCancellation()
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: Self.grace)
        ]
        var variables: [Environment.Key: String?] = [
            "DQ_JOB_ID": job.id.description,
            "DQ_JOB_KEY": SHA256.hexadecimal(of: job.id.description.utf8),
            "DQ_ATTEMPT": "\(job.attempt)",
            "DQ_FIRE_DATE": DateText.string(of: job.fireDate),
            "DQ_NODES": nodes.map(\.address.description).joined(separator: ","),
            "DQ_TUBE": nodes.first.map { "\($0.tube)" },
        ]
        if hasSecretLedger { variables["DQ_REDIS"] = .some(nil) }
        let environment = Environment.inherit.updating(variables)
        let body = try BodyFile.open([UInt8](job.body.readableBytesView))
        let place = watch.makePlace()
        var hasBegun = false
        defer { if !hasBegun { _ = watch.ended(at: place) } }
        let ending: (command: ProcessIdentifier, status: TerminationStatus)
        do {
            let result = try await Subprocess.run(
                .path("/bin/sh"), arguments: watch.arguments(for: command, at: place, openFiles: openFiles),
                environment: environment, platformOptions: options,
                input: .fileDescriptor(body, closeAfterSpawningProcess: true),
                output: output, error: .currentStandardError)
            ending = (result.processIdentifier, result.terminationStatus)
        } catch let error as SubprocessError where !Task.isCancelled {
            throw CommandNotStarted(reason: error)
        }
        // What the command started may have outlived it. The group's number cannot mean another group as long as a
        // process is left in it, and with none left there is nothing to kill: numbers are not given out again so soon.
        if Task.isCancelled { kill(-ending.command.value, SIGKILL) }
        hasBegun = watch.ended(at: place)
        guard hasBegun || ending.status.isSuccess || Task.isCancelled else {
            throw CommandNotStarted(reason: CommandFailure(outcome: CommandOutcome(status: ending.status)))
        }
        return CommandOutcome(status: ending.status)
    }
}
