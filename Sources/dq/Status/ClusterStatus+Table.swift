import Beanstalk
import CommandSupport
import DelayQueue

extension ClusterStatus {
    /// For people: a table of the nodes, a line about the ledger, and the warnings.
    var table: [String] {
        var rows = [
            [
                "node", "up", "ready", "delayed", "standby", "dead", "reserved", "buried", "oldest", "next", "version",
                "binlog",
            ]
        ]
        rows += nodes.map(row)
        var lines = ["tube \(tube) at \(DateText.string(time))", ""] + TextTable(rows).lines + [""]
        lines.append(ledgerLine)
        let warnings = warnings
        if !warnings.isEmpty { lines.append("") }
        return lines + warnings.map { "warning: " + PrintableText.line($0) }
    }

    private func row(_ status: NodeStatus) -> [String] {
        let name = PrintableText.line(status.node.address.description)
        guard let answer = status.answer else { return [name, "no"] }
        return [
            name, "yes", "\(answer.tube.currentJobsReady)", "\(answer.delayedJobs)",
            "\(answer.standbyJobs)", answer.allDeadCopies.map { "\($0)" } ?? "-",
            "\(answer.tube.currentJobsReserved)", "\(answer.tube.currentJobsBuried)",
            answer.oldest.map { distance(to: $0) } ?? "-", answer.next.map { distance(to: $0) } ?? "-",
            PrintableText.line(answer.server.version), answer.hasBinlog ? "yes" : "no",
        ]
    }

    /// How far a date is from the status: `3.20s ago`, `in 41.00s`.
    private func distance(to date: Timestamp) -> String {
        let distance = time.duration(to: date)
        return distance < .zero ? "\((.zero - distance).secondsText)s ago" : "in \(distance.secondsText)s"
    }

    private var ledgerLine: String {
        guard let ledger else { return "ledger: not given" }
        guard let answer = ledger.answer else { return "ledger: \(ledger.url), down" }
        var parts = ["ledger: \(ledger.url), up", answer.version ?? "version unknown"]
        if let used = answer.memoryUsed {
            let limit = answer.memoryLimit.flatMap { $0 > 0 ? " of \(megabytes($0))" : nil } ?? ""
            parts.append("\(megabytes(used))\(limit) used")
        }
        parts.append("eviction \(answer.evictionPolicy ?? "unknown")")
        if let skew = answer.skew {
            parts.append("this clock \(skew.magnitudeText) \(skew < .zero ? "behind" : "ahead")")
        }
        return PrintableText.line(parts.joined(separator: ", "))
    }

    private func megabytes(_ bytes: Int) -> String {
        let tenths = bytes * 10 / (1 << 20)
        return "\(tenths / 10).\(tenths % 10) MiB"
    }
}
