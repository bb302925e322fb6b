import CommandSupport
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// Ends the commands of a consumer that was killed, and so could not end them itself: the next attempts of their jobs
/// would run beside them.
///
/// A shell of a process group of its own reads which groups of commands run, from a pipe that ends with this process,
/// however that ends. What is left then is ended as a cancelled command is: SIGTERM, and SIGKILL after 2 seconds.
/// A process killed between the start of a command and the line that tells of it leaves that command running.
struct CommandWatch: Sendable {
    private let lines: AsyncStream<String>
    private let tell: AsyncStream<String>.Continuation

    private static let script = """
        trap '' HUP INT QUIT TERM
        left=
        while read -r what group; do
            case $what in
            +) left="$left $group" ;;
            -) rest=
                for other in $left; do [ "$other" = "$group" ] || rest="$rest $other"; done
                left=$rest ;;
            esac
        done
        [ -n "$left" ] || exit 0
        for group in $left; do kill -s TERM -- "-$group" 2>/dev/null; done
        sleep 2
        for group in $left; do kill -s KILL -- "-$group" 2>/dev/null; done
        """

    init() {
        (lines, tell) = AsyncStream.makeStream()
    }

    /// A command runs, and leads a process group.
    func began(_ command: ProcessIdentifier) { tell.yield("+ \(command.value)\n") }

    /// The command has ended, and nothing of its group is to be ended any more.
    func ended(_ command: ProcessIdentifier) { tell.yield("- \(command.value)\n") }

    /// Does the work of a consumer with the shell beside it, which is gone when this returns. The work's cancellation
    /// does not end the shell: commands may take a while to end.
    func during(_ work: () async throws -> Void) async throws {
        let shell = Task { await run() }
        let result: Result<Void, any Error>
        do {
            try await work()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        tell.finish()
        await shell.value
        try result.get()
    }

    private func run() async {
        var options = PlatformOptions()
        options.processGroupID = 0
        do {
            _ = try await Subprocess.run(
                .path("/bin/sh"), arguments: ["-c", Self.script, "dq consume: ends commands left behind"],
                platformOptions: options, input: .inputWriter, output: .discarded, error: .discarded
            ) { execution in
                for await line in lines { _ = try await execution.standardInputWriter.write(line) }
                try await execution.standardInputWriter.finish()
            }
        } catch {
            StandardStream.error.note(
                "nothing ends running commands should this process be killed: the shell that would has ended (\(error))"
            )
        }
    }
}
