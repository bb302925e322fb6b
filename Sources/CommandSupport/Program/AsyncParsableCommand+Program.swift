package import ArgumentParser
import Foundation

extension AsyncParsableCommand {
    /// What `main` of a program does: reads the command line, runs what it asks for, and shows errors as people read
    /// them.
    package static func runAsProgram() async {
        occupyClosedStreams()
        // A reader that has gone shows as a failed write, which is attended to; a signal would end everything.
        signal(SIGPIPE, SIG_IGN)
        // Swift's crash handler would take it for a crash, and go on afterwards.
        signal(SIGQUIT, SIG_DFL)
        do {
            var command = try await parse()
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

    /// Where a standard stream is closed, the next connection would get its number, and what is written for people
    /// would go to a server. What is opened instead fails as a closed one does.
    private static func occupyClosedStreams() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest number that is free is this one.
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// - Throws: of several mistakes the one that led to the others: `-5s` is taken for an option, and what follows it for
    ///   a time.
    private static func parse() async throws -> any ParsableCommand {
        do {
            return try await asyncParseAsRoot(nil)
        } catch  where exitCode(for: error) == .validationFailure {
            let words = CommandLine.arguments.dropFirst().prefix { $0 != "--" }
            guard let word = words.first(where: { $0.firstMatch(of: /^-[0-9]/) != nil }) else { throw error }
            throw ValidationError(
                "'\(word)' is no option: no time or number here is negative, and other words that begin with a minus "
                    + "sign follow a '--'.")
        }
    }
}
