import ArgumentParser
import Foundation

@main
struct DQ: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "dq",
        abstract: "Jobs that run later, once, even when machines fail.",
        discussion: """
            Jobs live on several beanstalkd nodes; Redis or Valkey decides which copy runs. The exit code is 0, or 1 \
            after an error, 64 after wrong usage, 130 when interrupted.
            """,
        version: "dq \(version)",
        subcommands: [
            AtCommand.self, InCommand.self, LoadCommand.self, ConsumeCommand.self, RevokeCommand.self,
            StatusCommand.self, KeyCommand.self, DemoCommand.self, BenchCommand.self,
        ])

    static func main() async {
        // A reader that has gone shows as a failed write, which is attended to; a signal would end everything.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try await asyncParseAsRoot(nil)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as StreamFailure where failure.isBrokenPipe {
            // Whoever read has seen enough.
            exit()
        } catch {
            exit(withError: error.forCommandLine)
        }
    }
}
