import NIOConcurrencyHelpers

/// Jobs of single calls that wait to be written. All that gather until the loop looks travel together.
final class GatheredJobs: Sendable {
    typealias Waiter = CheckedContinuation<Result<Receipt, DelayQueueError>, Never>

    struct Entry: Sendable {
        let id: UInt64
        let job: PreparedJob
        let waiter: Waiter
    }

    private struct State {
        var entries: [Entry] = []
        var lastID: UInt64 = 0
        var isScheduled = false
    }

    private let state = NIOLockedValueBox(State())

    /// Names a call, so that it can be withdrawn.
    func makeID() -> UInt64 {
        state.withLockedValue { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// - Returns: true where the caller must have the loop look.
    func add(_ entry: Entry) -> Bool {
        state.withLockedValue { state in
            state.entries.append(entry)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
    }

    func takeAll() -> [Entry] {
        state.withLockedValue { state in
            state.isScheduled = false
            defer { state.entries = [] }
            return state.entries
        }
    }

    /// - Returns: nil where the job is not waiting here any more, or not yet.
    func take(_ id: UInt64) -> Entry? {
        state.withLockedValue { state in
            guard let index = state.entries.firstIndex(where: { $0.id == id }) else { return nil }
            return state.entries.remove(at: index)
        }
    }
}
