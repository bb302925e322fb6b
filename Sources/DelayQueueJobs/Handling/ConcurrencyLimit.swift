import NIOConcurrencyHelpers

/// How many may do something at once.
final class ConcurrencyLimit: Sendable {
    private let free: NIOLockedValueBox<Int>

    init(_ limit: Int) {
        free = NIOLockedValueBox(limit)
    }

    /// - Returns: false where so many do it already.
    func enter() -> Bool {
        free.withLockedValue { free in
            guard free > 0 else { return false }
            free -= 1
            return true
        }
    }

    func leave() {
        free.withLockedValue { $0 += 1 }
    }
}
