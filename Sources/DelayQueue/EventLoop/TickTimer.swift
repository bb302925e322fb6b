import NIOCore

/// Which of the scheduled ticks counts.
///
/// Cancelling comes too late for a tick that its event loop has already taken up. If such a one were heeded it would
/// arm the next, beside the one that replaced it, and from then on there would be one more with every such meeting.
struct TickTimer {
    private var armed: (number: UInt64, at: NIODeadline)?
    private var lastNumber: UInt64 = 0

    /// - Returns: the number of the tick to schedule in place of the armed one; nil where the armed one is to come
    ///   earlier, even if it is overdue: a tick that is put off whenever its loop is late would never come on a busy
    ///   loop.
    mutating func arm(at deadline: NIODeadline) -> UInt64? {
        if let armed, armed.at <= deadline { return nil }
        lastNumber += 1
        armed = (lastNumber, deadline)
        return lastNumber
    }

    mutating func disarm() {
        armed = nil
    }

    /// - Returns: whether this tick counts.
    mutating func fires(_ number: UInt64) -> Bool {
        guard armed?.number == number else { return false }
        armed = nil
        return true
    }
}
