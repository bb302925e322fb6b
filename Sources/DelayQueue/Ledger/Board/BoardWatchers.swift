package import Beanstalk
import NIOConcurrencyHelpers

/// Tells consumers in this process that the pause of their queue has changed, so that they ask at once and not in a
/// second.
package final class BoardWatchers: Sendable {
    private struct State {
        var last: UInt64 = 0
        var watchers: [UInt64: (queue: LedgerKey, tell: @Sendable () -> Void)] = [:]
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    /// - Parameter tell: is called on any thread, until the watch is let go of.
    package func watch(_ queue: TubeName, _ tell: @escaping @Sendable () -> Void) -> BoardWatch {
        let id = state.withLockedValue { state in
            state.last += 1
            state.watchers[state.last] = (LedgerKey(boardOf: queue), tell)
            return state.last
        }
        return BoardWatch { [state] in state.withLockedValue { $0.watchers[id] = nil } }
    }

    /// Tells of the boards that requests have changed.
    package func tell(of requests: [LedgerRequest]) {
        for request in requests {
            guard case .board(let operation) = request.operation else { continue }
            switch operation {
            case .pause, .resume: tell { $0 == request.key }
            case .checkIn, .checkOut: break
            }
        }
    }

    /// Tells of all boards.
    package func tellAll() { tell { _ in true } }

    private func tell(_ isConcerned: (LedgerKey) -> Bool) {
        let watchers = state.withLockedValue { $0.watchers.values.filter { isConcerned($0.queue) } }
        for watcher in watchers { watcher.tell() }
    }
}

/// Ends a watch when it is let go of.
package final class BoardWatch: Sendable {
    private let end: @Sendable () -> Void

    fileprivate init(end: @escaping @Sendable () -> Void) { self.end = end }

    deinit { end() }
}
