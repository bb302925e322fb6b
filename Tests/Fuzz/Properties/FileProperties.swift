import CommandSupport
import DelayQueue
import Foundation
import NIOCore

/// What a file of jobs or of keys may be: the same lines however they arrive, jobs that can be written down again and read as
/// the same, and no word of a file of keys in an error.
enum FileProperties {
    private static let maximumLineLength = 256

    static func check(_ input: ByteBuffer) throws(PropertyViolation) -> Bool {
        let whole = lines(of: [Data(input.readableBytesView)])
        let split = lines(of: input.split(at: input.cut).map { Data($0.readableBytesView) })
        guard whole == split else { throw PropertyViolation("\(whole), but \(split) when cut at \(input.cut)") }
        guard whole.map(\.number) == Array(1..<(whole.count + 1)) else {
            throw PropertyViolation("the lines are \(whole.map(\.number))")
        }
        var isAccepted = false
        for line in whole {
            guard let bytes = line.bytes else { continue }
            guard bytes.count <= maximumLineLength else { throw PropertyViolation("a line of \(bytes.count) bytes") }
            guard let job = try? JobSpecification(parsing: bytes) else { continue }
            isAccepted = true
            try checkRewritten(job)
        }
        if try areKeys(String(buffer: input)) { isAccepted = true }
        return isAccepted
    }

    private static func lines(of pieces: [Data]) -> [LineSplitter.Line] {
        var splitter = LineSplitter(maximumLength: maximumLineLength)
        let lines = pieces.flatMap { splitter.feed($0) }
        return lines + (splitter.finish().map { [$0] } ?? [])
    }

    private static func checkRewritten(_ job: JobSpecification) throws(PropertyViolation) {
        var fields: [String: Any] = ["bodyBase64": Data(job.body.readableBytesView).base64EncodedString()]
        switch job.time {
        case .at(let time): fields["at"] = DateText.string(time)
        case .after(let duration):
            let (seconds, attoseconds) = duration.components
            // What is longer, or finer, can be written with other units only.
            guard seconds <= 9_999_999_999, attoseconds % 1_000_000_000 == 0 else { return }
            fields["in"] = "\(seconds).\(String(1_000_000_000 + attoseconds / 1_000_000_000).dropFirst())s"
        }
        if let id = job.id { fields["id"] = id.description }
        if let isReplacing = job.isReplacing { fields["replace"] = isReplacing }
        if !job.headers.isEmpty {
            fields["headers"] = Dictionary(job.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        }
        let again: JobSpecification
        do {
            again = try JobSpecification(parsing: try JSONSerialization.data(withJSONObject: fields))
        } catch {
            throw PropertyViolation("\(job), written as \(fields), is read as \(error)")
        }
        guard again.time == job.time, again.body == job.body, again.id == job.id, again.isReplacing == job.isReplacing,
            again.headers == job.headers
        else { throw PropertyViolation("\(job) was read again as \(again)") }
    }

    /// - Returns: whether it is a file of keys.
    private static func areKeys(_ text: String) throws(PropertyViolation) -> Bool {
        do throws(InvalidText) {
            let keys = try KeyFile(text: text, name: "F").keys
            guard !keys.isEmpty else { throw InvalidText("") }
            return true
        } catch {
            // Lines are told by their numbers.
            let told = error.description
            for word in text.split(whereSeparator: { $0.isWhitespace || $0 == ":" }) where word.utf8.count >= 24 {
                if told.contains(word) { throw PropertyViolation("the error says \(told)") }
            }
            return false
        }
    }
}
