import CommandSupport
import DelayQueue

/// How receipts are printed.
struct ReceiptText {
    let receipt: Receipt

    /// How many copies are known to be written.
    var writtenCopies: Int { receipt.placements.count { $0.id != nil } }

    /// `{"receipt","id","fireDate","copies","scheduledBefore"?}`.
    var json: String {
        var object = JSONObject()
        object.add("receipt", receipt.description)
        object.add("id", receipt.jobID.description)
        object.add("fireDate", DateText.string(of: receipt.fireDate))
        object.add("copies", writtenCopies)
        if receipt.wasScheduledBefore { object.add("scheduledBefore", true) }
        return object.line
    }

    /// For a person at a terminal.
    var remark: String {
        receipt.wasScheduledBefore
            ? "\(receipt.jobID) was scheduled before, for \(DateText.string(of: receipt.fireDate)); receipt:"
            : "scheduled \(receipt.jobID) for \(DateText.string(of: receipt.fireDate)) on \(writtenCopies) nodes; receipt:"
    }
}
