import ArgumentParser
import Foundation
import UnixSignals

/// Ends a command in order when a signal asks it to.
package enum Interruption {
    /// Runs work until it ends, or SIGINT, SIGTERM or SIGHUP cancels it.
    ///
    /// - Parameter stop: what the first signal does instead of cancelling; the next one cancels.
    /// - Throws: what the work throws; after a signal, once the work has ended, the exit code 128 and the signal's
    ///   number, such as 130 for SIGINT.
    package static func run(
        stoppingWith stop: (@Sendable () async -> Void)? = nil, _ work: @escaping @Sendable () async throws -> Void
    ) async throws {
        let signals = await UnixSignalsSequence(trapping: trapped)
        let (events, report) = AsyncStream<Event>.makeStream()
        var caught: UnixSignal?
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
                    if caught == nil, let stop { await stop() } else { group.cancelAll() }
                    caught = caught ?? signal
                }
            }
        }
        if let caught { throw ExitCode(128 + caught.rawValue) }
        try result?.get()
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
        return isIgnored ? [.sigint, .sigterm] : [.sigint, .sigterm, .sighup]
    }
}
