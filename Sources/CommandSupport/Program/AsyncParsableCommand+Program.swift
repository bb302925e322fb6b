package import ArgumentParser
import Foundation

extension AsyncParsableCommand {
    /// What `main` of a program does: reads the command line, runs what it asks for, and shows errors as people read
    /// them.
    package static func runAsProgram() async {
        // A reader that has gone shows as a failed write, which is attended to; a signal would end everything.
        signal(SIGPIPE, SIG_IGN)
        // Swift's crash handler would take it for a crash, and go on afterwards.
        signal(SIGQUIT, SIG_DFL)
        do {
            var command = try await asyncParseAsRoot(nil)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as StreamFailure where failure.isBrokenPipe {
            // The reader of the output has gone: it has seen enough, and that is no failure.
            exit()
        } catch {
            exit(withError: error.forCommandLine)
        }
    }
}
