import TestSupport

/// Receipts of jobs that are not due yet or just so, for the revoker to choose from.
actor ReceiptPool {
    private static let size = 64
    private var receipts: [PrintedReceipt] = []

    func add(_ new: [PrintedReceipt]) {
        receipts = (receipts + new).suffix(Self.size)
    }

    /// One at random, which nobody gets again.
    func take(using generator: inout SeededGenerator) -> PrintedReceipt? {
        // Those long done are of no interest; those that fall due this moment are.
        receipts.removeAll { $0.fireDate + .milliseconds(300) < .now() }
        guard !receipts.isEmpty else { return nil }
        return receipts.remove(at: Int.random(in: 0..<receipts.count, using: &generator))
    }
}
