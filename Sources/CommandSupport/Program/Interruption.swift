import ArgumentParser
import Foundation
import UnixSignals

/// Ends a command in order when a signal asks it to.
package enum Interruption {
    /// Runs work until it ends, or SIGINT, SIGTERM, SIGQUIT or SIGHUP cancels it.
    ///
    /// A second signal ends the process within a second, and a third one at once.
    ///
    /// - Parameter stop: what the first signal does instead of cancelling: the work then ends in order, as it was asked
    ///   to. Called with `true` for the second one, which cancels.
    /// - Throws: what the work throws. After a signal that cancelled it, once it has ended, the exit code 128 and the
    ///   signal's number, such as 130 for SIGINT.
    package static func run(
        stoppingWith stop: (@Sendable (_ isUrgent: Bool) -> Void)? = nil,
        _ work: @escaping @Sendable () async throws -> Void
    ) async throws {
        let signals = await UnixSignalsSequence(trapping: trapped)
        let (events, report) = AsyncStream<Event>.makeStream()
        var count = 0
        var cancelling: UnixSignal?
        var result: Result<Void, any Error>?
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await work()
                    report.yield(.ended(.success(())))
                } catch {
                    report.yield(.ended(.failure(error)))
                }
            }
            group.addTask {
                for await signal in signals { report.yield(.signal(signal)) }
            }
            for await event in events {
                switch event {
                case .ended(let outcome):
                    result = outcome
                    report.finish()
                    group.cancelAll()
                case .signal(let signal):
                    count += 1
                    stop?(count > 1)
                    if count > 1 || stop == nil {
                        cancelling = cancelling ?? signal
                        group.cancelAll()
                    }
                    if count == 2 { endThisProcess(after: patience, of: signal) }
                    if count > 2 { endThisProcess(after: 0, of: signal) }
                }
            }
        }
        if let cancelling { throw ExitCode(128 + cancelling.rawValue) }
        try result?.get()
    }

    /// How long the work may take to end once it was asked to for a second time, in seconds.
    private static let patience = 0.9

    /// On a thread of its own: whatever keeps the work from ending does not keep this.
    private static func endThisProcess(after seconds: Double, of signal: UnixSignal) {
        let code = 128 + signal.rawValue
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: seconds)
            _exit(code)
        }
    }

    private enum Event: Sendable {
        case ended(Result<Void, any Error>)
        case signal(UnixSignal)
    }

    /// SIGHUP stays ignored where it is, as under nohup.
    private static var trapped: [UnixSignal] {
        var action = sigaction()
        let isKnown = sigaction(SIGHUP, nil, &action) == 0
        #if canImport(Darwin)
            let handler = action.__sigaction_u.__sa_handler
        #else
            let handler = action.__sigaction_handler.sa_handler
        #endif
        // C function pointers cannot be compared in Swift; both are of one word, and SIG_IGN is a number in disguise.
        let isIgnored = isKnown && unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        return isIgnored ? [.sigint, .sigterm, .sigquit] : [.sigint, .sigterm, .sigquit, .sighup]
    }
}
