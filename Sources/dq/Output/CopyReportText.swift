import CommandSupport
import DelayQueue
import PipelinedTransport

/// What a look for missing copies found, for people and programs.
struct CopyReportText {
    private let report: CopyReport

    init(_ report: CopyReport) {
        self.report = report
    }

    private var nodes: [ServerAddress] {
        Set(report.copies.keys).union(report.unseenNodes.keys).union(report.refusals.keys)
            .sorted { $0.description < $1.description }
    }

    var progress: String {
        let seen = report.copies.values.reduce(0, +)
        return report.missingCopies == 0
            ? "\(seen) copies looked at"
            : "\(ProgressBar.text(report.addedCopies, of: report.missingCopies))  "
                + "\(report.addedCopies) of \(report.missingCopies) missing copies written"
    }

    var lines: [String] {
        var lines = ["\(report.jobs) jobs"]
        for node in nodes {
            let name = PrintableText.line(node.description)
            lines.append("  \(name): \(report.copies[node] ?? 0) copies")
            if let reason = report.unseenNodes[node] {
                lines.append(
                    "  \(name) was not looked through, so nothing was written: \(PrintableText.line(reason)). If it is gone, "
                        + "say --without \(name)")
            }
            if let reason = report.refusals[node] {
                lines.append("  \(name) did not take all copies: \(PrintableText.line(reason))")
            }
        }
        if report.unreadableRecords > 0 {
            lines.append(
                "\(report.unreadableRecords) records are no jobs, or larger than --max-record, or no key of --keys opens them: "
                    + "nothing is added to those")
        }
        lines.append(
            report.missingCopies == 0
                ? "no copy is missing"
                : "\(report.missingCopies) copies of \(report.incompleteJobs) jobs were missing, \(report.addedCopies) are written"
        )
        if report.endedMeanwhile > 0 {
            lines.append("\(report.endedMeanwhile) are needed no more: their jobs have ended")
        }
        if report.untold > 0 {
            lines.append(
                "\(report.untold) were not written, as the ledger did not tell how their jobs stand: "
                    + PrintableText.line(report.ledgerProblem ?? ""))
        }
        if report.leftBehind > 0 {
            lines.append(
                "\(report.leftBehind) copies on the nodes left out cannot be written elsewhere: they are put aside (dq aside), no "
                    + "jobs, larger than --max-record, or no key of --keys opens them")
        }
        if report.mayHaveMissed > 0 {
            lines.append(
                "up to \(report.mayHaveMissed) jobs may not have been found, as jobs came and went: look again when fewer do"
            )
        }
        if report.passedOver > 0 {
            lines.append(
                "\(report.passedOver) were passed over: they are gone, or their jobs are younger than a minute; look again then"
            )
        }
        return lines
    }

    var json: String {
        var object = JSONObject()
        object.add("jobs", report.jobs)
        object.add("incompleteJobs", report.incompleteJobs)
        object.add("missingCopies", report.missingCopies)
        object.add("addedCopies", report.addedCopies)
        object.add("endedMeanwhile", report.endedMeanwhile)
        object.add("passedOver", report.passedOver)
        object.add("untold", report.untold)
        object.add("mayHaveMissed", report.mayHaveMissed)
        object.add("leftBehind", report.leftBehind)
        object.add("unreadableRecords", report.unreadableRecords)
        object.add(
            "nodes",
            nodes.map { node in
                var entry = JSONObject()
                entry.add("address", node.description)
                entry.add("copies", report.copies[node] ?? 0)
                if let reason = report.unseenNodes[node] { entry.add("unseen", reason) }
                if let reason = report.refusals[node] { entry.add("refused", reason) }
                return entry
            })
        return object.line
    }
}
