import Beanstalk
import CommandSupport
import DelayQueue
import Foundation
import NIOCore

/// How jobs that were found on the nodes are printed.
struct FoundJobText: Sendable {
    let job: FoundJob

    /// The longest body shown in a list, in characters.
    private static let listLimit = 120

    var json: String {
        var object = JSONObject()
        object.add("id", job.id.description)
        StatusText.add(job.status, to: &object)
        object.add("fireDate", DateText.string(of: job.fireDate))
        if let body = job.body {
            if let text = Self.text(of: body) {
                object.add("body", text)
            } else {
                object.add("bodyBase64", Data(body.readableBytesView).base64EncodedString())
            }
        }
        if !job.headers.isEmpty {
            var headers = JSONObject()
            for header in job.headers { headers.add(header.name, header.value) }
            object.add("headers", headers)
        }
        object.add("problem", ifPresent: job.problem)
        object.add("declaredCopies", job.declaredCopies)
        object.add("copies", job.copies.map(Self.object))
        object.add("receipt", job.receipt.description)
        return object.line
    }

    private static func object(_ copy: FoundJob.Copy) -> JSONObject {
        var object = JSONObject()
        object.add("node", copy.node.address.description)
        object.add("tube", copy.tube.description)
        object.add("job", copy.id.description)
        object.add("server", ifPresent: copy.serverID?.description)
        object.add("index", ifPresent: copy.index)
        object.add("state", copy.statistics.state.rawValue)
        object.add("timeLeft", copy.statistics.timeLeft)
        object.add("reserves", copy.statistics.reserves)
        return object
    }

    /// A line for the job, and one for each copy.
    var lines: [String] {
        [summary] + job.copies.map(Self.line)
    }

    /// One line: the id, how it stands, its date, its copies, its body.
    var summary: String {
        var parts = [job.id.description, StatusText.word(job.status), "due \(DateText.string(of: job.fireDate))"]
        parts.append(
            job.declaredCopies > 0
                ? "\(job.copies.count) of \(job.declaredCopies) copies" : "\(job.copies.count) copies")
        if let type = job.headers["job-type"] { parts.append(PrintableText.line(type)) }
        parts.append(bodyText(limit: Self.listLimit))
        return parts.joined(separator: "  ")
    }

    /// All that is known of it.
    var details: [String] {
        var lines = ["id: \(job.id)", "due: \(DateText.string(of: job.fireDate))"]
        lines += StatusText.details(job.status)
        if let problem = job.problem { lines.append("not proven: \(PrintableText.line(problem))") }
        lines += job.headers.map { "header \(PrintableText.line($0.name)): \(PrintableText.line($0.value))" }
        lines.append("body: \(bodyText(limit: nil))")
        lines.append(
            "copies: \(job.copies.count) found"
                + (job.declaredCopies > 0 ? " of \(job.declaredCopies) that its records tell of" : ""))
        return lines + job.copies.map(Self.line)
    }

    private static func line(_ copy: FoundJob.Copy) -> String {
        let state = copy.statistics.state
        let role = copy.isStandby ? "  stands by" : ""
        let wait = state == .delayed || state == .reserved ? ", \(copy.statistics.timeLeft) s left" : ""
        return
            "    \(PrintableText.line(copy.node.address.description))  tube \(copy.tube)  job \(copy.id)  \(state.rawValue)\(wait)"
            + role
    }

    private func bodyText(limit: Int?) -> String {
        guard let body = job.body else { return job.problem.map { "<\(PrintableText.line($0))>" } ?? "<not kept>" }
        guard let text = Self.text(of: body) else { return "<\(body.readableBytes) bytes, not text>" }
        return PrintableText.line(text, limit: limit)
    }

    private static func text(of body: ByteBuffer) -> String? {
        String(validating: body.readableBytesView, as: UTF8.self)
    }
}

/// How the ledger's word about a job is printed.
enum StatusText {
    static func word(_ status: JobStatus?) -> String {
        guard let status else { return "unknown" }
        // Jobs with generated ids have no record until they run.
        return status.state == .unknown ? "waiting" : status.state.description
    }

    static func add(_ status: JobStatus?, to object: inout JSONObject) {
        object.add("state", status.map { $0.state.description })
        guard let record = status?.record else { return }
        object.add("runs", ifPresent: record.runs)
        object.add("failures", ifPresent: record.failures)
        object.add("endedLeases", ifPresent: record.endedLeases)
        object.add("claim", ifPresent: record.claim)
        object.add("leaseEnd", ifPresent: record.leaseEnd.map { DateText.string(of: $0) })
        object.add("retryDate", ifPresent: record.retryDate.map { DateText.string(of: $0) })
        if let death = record.death {
            object.add("diedAt", DateText.string(of: death.diedAt))
            object.add("reason", death.reason)
            object.add("consumer", death.consumer)
        }
    }

    static func details(_ status: JobStatus?) -> [String] {
        guard let status else { return ["state: not known, as the ledger did not tell"] }
        var lines = [
            "state: \(status.state)"
                + (status.state == .unknown ? ", it has no record: a job that never ran has none" : "")
        ]
        if let date = status.fireDate { lines.append("waits for: \(DateText.string(of: date))") }
        guard let record = status.record else { return lines }
        if let runs = record.runs {
            lines.append("runs: \(runs), failures \(record.failures ?? 0), ended leases \(record.endedLeases ?? 0)")
        }
        if let claim = record.claim { lines.append("last claim: \(PrintableText.line(claim))") }
        if let end = record.leaseEnd { lines.append("lease ends: \(DateText.string(of: end))") }
        if let date = record.retryDate { lines.append("runs again from: \(DateText.string(of: date))") }
        if let death = record.death {
            lines.append("died: \(DateText.string(of: death.diedAt))")
            lines.append("reason: \(PrintableText.line(death.reason))")
            lines.append("given up by: \(PrintableText.line(death.consumer))")
        }
        return lines
    }
}
