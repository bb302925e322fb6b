/// Something to be done to a queue's board, whose key is ``LedgerKey/init(boardOf:)``.
package enum BoardOperation: Sendable, Hashable {
    /// A consumer is there: `checkedIn`.
    ///
    /// - Parameter isFirst: it was not there before. Then those go that have not been heard of for
    ///   ``QueueBoard/memory``.
    case checkIn(ConsumerPresence, isFirst: Bool)

    /// A consumer has ended in order: `checkedOut`, also where it was not there.
    case checkOut(String)

    /// The queue is paused from now on, whether or not it was: `paused`.
    ///
    /// - Parameter for: nil until it is resumed.
    case pause(for: Duration?, by: String, why: String)

    /// The pause is over: `resumed`, or `absent` where there was none.
    case resume
}
