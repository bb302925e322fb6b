import CommandSupport

/// The outcome of a demo.
struct DemoReport {
    var tally: DemoTally
    var refused: Int
    /// The nodes' addresses, in their order.
    var nodes: [String]
    /// The node that was stopped half-way; nil where the nodes were the user's own.
    var stoppedNode: String?
    var duration: Duration

    /// Every job accepted, run once, never early, with its own body.
    var isSuccess: Bool {
        tally.scheduledCount > 0 && tally.deliveredCount == tally.scheduledCount && refused == 0
            && tally.duplicates == 0 && tally.early == 0 && tally.lost == 0 && tally.damaged == 0
            && tally.unexpected == 0
    }

    var json: String {
        var object = JSONObject()
        object.add("ok", isSuccess)
        object.add("scheduled", tally.scheduledCount)
        object.add("refused", refused)
        object.add("delivered", tally.deliveredCount)
        object.add("duplicates", tally.duplicates)
        object.add("early", tally.early)
        object.add("lost", tally.lost)
        object.add("damaged", tally.damaged)
        object.add("unexpected", tally.unexpected)
        let lateness = tally.lateness
        object.add("latenessMedianMs", Self.percentile(50, of: lateness).map(JSONMilliseconds.init))
        object.add("latenessP99Ms", Self.percentile(99, of: lateness).map(JSONMilliseconds.init))
        object.add("latenessMaxMs", lateness.last.map(JSONMilliseconds.init))
        var copies = JSONObject()
        for node in nodes { copies.add(node, tally.copies[node] ?? 0) }
        object.add("copies", copies)
        object.add("stoppedNode", stoppedNode)
        object.add("seconds", JSONSeconds(duration))
        return object.line
    }

    var lines: [String] {
        let lateness = tally.lateness
        let late = { (duration: Duration?) in duration.map { $0.millisecondsText + " ms" } ?? "-" }
        var rows = [
            ("scheduled", "\(tally.scheduledCount)"),
            ("delivered", "\(tally.deliveredCount)"),
            ("duplicates", "\(tally.duplicates)"),
            ("early", "\(tally.early)"),
            ("lost", "\(tally.lost)"),
            ("damaged bodies", "\(tally.damaged)"),
        ]
        if refused > 0 { rows.append(("refused", "\(refused)")) }
        if tally.unexpected > 0 { rows.append(("never scheduled", "\(tally.unexpected)")) }
        rows += [
            ("lateness, median", late(Self.percentile(50, of: lateness))),
            ("lateness, 99 %", late(Self.percentile(99, of: lateness))),
            ("lateness, worst", late(lateness.last)),
        ]
        rows += nodes.map { node in
            ("copies on \(node)", "\(tally.copies[node] ?? 0)" + (node == stoppedNode ? " (killed half-way)" : ""))
        }
        rows.append(("time", duration.secondsText + " s"))
        let width = rows.map(\.0.count).max() ?? 0
        let verdict =
            isSuccess
            ? "every job ran once, on time" : "NOT every job ran once and on time"
        return rows.map { PrintableText.padded($0.0, to: width) + "  " + $0.1 } + ["", verdict]
    }

    /// The smallest value that so many percent do not exceed.
    static func percentile(_ percent: Int, of sorted: [Duration]) -> Duration? {
        guard !sorted.isEmpty else { return nil }
        let rank = (sorted.count * percent + 99) / 100
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }
}
