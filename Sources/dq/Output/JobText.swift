import CommandSupport
import DelayQueue
import Foundation
import NIOCore

/// How jobs are printed.
struct JobText: Sendable {
    let job: Job
    /// When the command got the job; printed only where it was asked for.
    var deliveredAt: Timestamp?
    /// What the job's command came to, where there was one.
    var outcome: CommandOutcome?

    /// The longest body shown to a person at a terminal, in characters.
    private static let terminalLimit = 160

    /// `{"id","body","attempt","fireDate","latenessMs"}`; `bodyBase64` in place of `body` where that is no UTF-8.
    var json: String {
        var object = JSONObject()
        object.add("id", job.id.description)
        if let text = Self.text(of: job.body) {
            object.add("body", text)
        } else {
            object.add("bodyBase64", Data(job.body.readableBytesView).base64EncodedString())
        }
        object.add("attempt", job.attempt)
        object.add("fireDate", DateText.string(of: job.fireDate))
        object.add("latenessMs", JSONMilliseconds(job.lateness))
        if !job.headers.isEmpty {
            var headers = JSONObject()
            for header in job.headers { headers.add(header.name, header.value) }
            object.add("headers", headers)
        }
        object.add("deliveredAt", ifPresent: deliveredAt.map(DateText.string))
        if let outcome {
            object.add("exitStatus", ifPresent: outcome.exitStatus)
            object.add("signal", ifPresent: outcome.signal)
        }
        return object.line
    }

    /// One line for people, control characters escaped.
    func line(isTerminal: Bool) -> String {
        var line = "\(DateText.string(of: job.fireDate))  +\(job.lateness.millisecondsText) ms  \(job.id)"
        if job.attempt > 1 { line += "  (attempt \(job.attempt))" }
        guard let text = Self.text(of: job.body) else { return line + "  <\(job.body.readableBytes) bytes, not text>" }
        return line + "  " + PrintableText.line(text, limit: isTerminal ? Self.terminalLimit : nil)
    }

    private static func text(of body: ByteBuffer) -> String? {
        String(validating: body.readableBytesView, as: UTF8.self)
    }
}

extension DateText {
    /// A date of the package, which is always one that can be written.
    static func string(of date: Date) -> String {
        string((try? Timestamp(date)) ?? .latest)
    }
}
