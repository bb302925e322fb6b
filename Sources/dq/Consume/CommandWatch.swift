import CommandSupport
import Foundation
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// Ends the commands of a consumer that was killed, and so could not end them itself: the next attempts of their jobs
/// would run beside them.
///
/// Each command writes its number into a file of a directory before it begins. A shell of a process group of its own
/// waits for the end of a pipe, which ends with this process, however that ends. Then it takes the directory away, so
/// that no command begins any more, and ends those that are there as a cancelled command is: SIGTERM, and SIGKILL after
/// a second.
struct CommandWatch: Sendable {
    private let directory: String

    private static let script = """
        trap '' HUP INT QUIT TERM
        read -r end
        mv "$1" "$1.ended" || exit
        left=
        for file in "$1.ended"/*; do [ -s "$file" ] && left="$left $(cat "$file")"; done
        for group in $left; do kill -s TERM -- "-$group"; done
        [ -z "$left" ] || sleep 1
        for group in $left; do kill -s KILL -- "-$group"; done
        rm -rf "$1.ended"
        """

    init() {
        directory =
            FileManager.default.temporaryDirectory.appendingPathComponent(
                "dq-\(ProcessInfo.processInfo.processIdentifier)-\(UInt64.random(in: .min ... .max)).commands"
            ).path
    }

    /// Where a command is to write its number.
    func makePlace() -> String { "\(directory)/\(UInt64.random(in: .min ... .max))" }

    /// What `/bin/sh` is to be given to run a command that is watched, in a process group that it leads.
    ///
    /// - Parameter openFiles: how many files the command may have open.
    func arguments(for command: String, at place: String, openFiles: Int) -> Arguments {
        [
            "-c", #"ulimit -S -n "$3"; echo $$ >"$1" && exec /bin/sh -c "$2""#, "sh", place, command, "\(openFiles)",
        ]
    }

    /// Nothing of the command's group is to be ended any more.
    ///
    /// - Returns: whether it had begun.
    func ended(at place: String) -> Bool {
        let size = try? FileManager.default.attributesOfItem(atPath: place)[.size] as? Int
        try? FileManager.default.removeItem(atPath: place)
        return (size ?? 0) > 0
    }

    /// Kills the commands that run, with all they have started in their process groups.
    func kill() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
            guard let text = try? String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8),
                let number = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)), number > 1
            else { continue }
            Foundation.kill(-number, SIGKILL)
        }
    }

    /// Does the work of a consumer with the shell beside it, which is gone when this returns. The work's cancellation
    /// does not end the shell: commands may take a while to end.
    ///
    /// - Throws: what the work does; `CommandNotStarted` where there is no room for the directory.
    func during(_ work: () async throws -> Void) async throws {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandNotStarted(reason: error)
        }
        let (end, tell) = AsyncStream<Never>.makeStream()
        // A task of its own: the cancellation of what it stands beside is not to end it. Awaited below.
        let shell = Task { await run(until: end) }
        let result: Result<Void, any Error>
        do {
            try await work()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        tell.finish()
        await shell.value
        // Where the shell is not there to do it.
        try? FileManager.default.removeItem(atPath: directory)
        try result.get()
    }

    private func run(until end: AsyncStream<Never>) async {
        var options = PlatformOptions()
        options.processGroupID = 0
        do {
            _ = try await Subprocess.run(
                .path("/bin/sh"), arguments: ["-c", Self.script, "dq consume: ends commands left behind", directory],
                platformOptions: options, input: .inputWriter, output: .discarded, error: .discarded
            ) { execution in
                for await _ in end {}
                try await execution.standardInputWriter.finish()
            }
        } catch {
            StandardStream.error.note(
                "nothing ends running commands should this process be killed: no shell could be started for that (\(error))"
            )
        }
    }
}
