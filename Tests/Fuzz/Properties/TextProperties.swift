import DelayQueue
import HiredisClient
import NIOCore
import PipelinedTransport

/// What text may be: receipts, ledger records and replies, addresses. Whatever is accepted can be written
/// again and reads the same.
enum TextProperties {
    private static let key = LedgerKey(queue: .default, id: JobID(unchecked: "a"))
    private static let keySharedWithGoQueue = LedgerKey(goQueue: JobID(unchecked: "eed9ca1b2163fe2e61f74cd7c1475c7a"))

    static func check(_ input: ByteBuffer) throws(PropertyViolation) -> Bool {
        let text = String(buffer: input)
        var isAccepted = false
        if let receipt = Receipt(text) {
            isAccepted = true
            try expectEqual(receipt, Receipt(receipt.description), "receipt \(receipt)")
            guard receipt.description.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
                throw PropertyViolation("receipt \(receipt) is not visible ASCII")
            }
        }
        if let address = ServerAddress(parsing: text) {
            try expectEqual(address, ServerAddress(parsing: address.description), "address \(address)")
        }
        isAccepted = try checkLedgerText(text) || isAccepted
        // Read and not written here: they must only not trap, and keep their errors readable.
        do throws(RedisError) {
            _ = try RedisURL(parsing: text)
        } catch {
            guard error.code == .invalidURL else { throw PropertyViolation("the error is \(error)") }
        }
        return isAccepted
    }

    private static func checkLedgerText(_ text: String) throws(PropertyViolation) -> Bool {
        var isAccepted = false
        for key in [key, keySharedWithGoQueue] {
            guard let record = try? LedgerRecord(parsing: text, key: key) else { continue }
            // A go-queue consumer's lock has no owner of ours, and is never written.
            guard record != .lockOfGoQueue else { continue }
            isAccepted = true
            try expectEqual(record, try? LedgerRecord(parsing: record.text, key: key), "record \(record)")
        }
        if let reply = LedgerReply(parsing: text) {
            isAccepted = true
            try expectEqual(reply, LedgerReply(parsing: reply.description), "reply \(reply)")
        }
        return isAccepted
    }

    private static func expectEqual<Value: Equatable>(
        _ value: Value, _ again: Value?, _ name: @autoclosure () -> String
    ) throws(PropertyViolation) {
        guard value == again else {
            throw PropertyViolation("\(name()) was read again as \(again.map { "\($0)" } ?? "nothing")")
        }
    }
}
