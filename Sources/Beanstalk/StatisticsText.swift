import NIOCore
import PipelinedTransport

/// The text in which a server reports: `---`, then a `key: value` or `- item` a line.
///
/// It looks like YAML, but a server quotes some strings and escapes nothing, so it is read line by line.
struct StatisticsText {
    let values: [String: String]

    /// - Throws: `malformedReply` where a line is no `key: value`, or a key comes twice.
    init(parsing text: ByteBuffer) throws(BeanstalkError) {
        var values: [String: String] = [:]
        for line in try Self.lines(of: text) {
            guard values.count < Self.maximumCount else {
                throw .malformedText("more than \(values.count) values".utf8)
            }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else {
                throw .malformedText(line)
            }
            let key = String(decoding: line[..<colon], as: UTF8.self)
            var value = line[(colon + 1)...]
            guard value.isEmpty || value.first == UInt8(ascii: " ") else { throw .malformedText(line) }
            value = value.dropFirst()
            guard values.updateValue(String(decoding: Self.unquoted(value), as: UTF8.self), forKey: key) == nil else {
                throw .malformedText(line)
            }
        }
        self.values = values
    }

    /// A server has about fifty.
    private static let maximumCount = 250

    /// The lines after the first, which must be `---`. They are found one by one, so that a text that cannot be read costs
    /// no more than its beginning.
    static func lines(of text: ByteBuffer) throws(BeanstalkError) -> some Sequence<ByteBufferView> {
        var lines = Lines(rest: text.readableBytesView)
        let first = lines.next()
        guard let first, first.elementsEqual("---".utf8) else { throw .malformedText(first?.prefix(80) ?? []) }
        return lines
    }

    /// Lines that are not empty.
    private struct Lines: Sequence, IteratorProtocol {
        var rest: ByteBufferView

        mutating func next() -> ByteBufferView? {
            while !rest.isEmpty {
                let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
                let line = rest[..<end]
                rest = end < rest.endIndex ? rest[(end + 1)...] : rest[end...]
                if !line.isEmpty { return line }
            }
            return nil
        }
    }

    /// One value of a text whose other lines may be anything; nil where no line has the key.
    static func value(of key: String, in text: ByteBuffer) -> ByteBufferView? {
        let beginning = Array("\(key): ".utf8)
        let lines = Lines(rest: text.readableBytesView)
        guard let line = lines.first(where: { $0.starts(with: beginning) }) else { return nil }
        return unquoted(line.dropFirst(beginning.count))
    }

    static func unquoted(_ value: ByteBufferView) -> ByteBufferView {
        let quote = UInt8(ascii: "\"")
        guard value.count >= 2, value.first == quote, value.last == quote else { return value }
        return value.dropFirst().dropLast()
    }

    // MARK: Values

    func text(_ key: String) throws(BeanstalkError) -> String {
        guard let value = values[key] else { throw malformed(key) }
        return value
    }

    /// Numbers and sums of some of them are within range, whatever a server says.
    func number(_ key: String) throws(BeanstalkError) -> Int {
        guard let number = Int(try text(key)), number.magnitude <= 1 << 53 else { throw malformed(key) }
        return number
    }

    func number<Number: FixedWidthInteger & UnsignedInteger>(_ key: String) throws(BeanstalkError) -> Number {
        guard let number = Number(try text(key)) else { throw malformed(key) }
        return number
    }

    /// Seconds and microseconds as in `12.000345`.
    func duration(_ key: String) throws(BeanstalkError) -> Duration {
        let parts = try text(key).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].utf8.count == 6,
            let seconds = UInt32(parts[0]), let microseconds = UInt32(parts[1])
        else { throw malformed(key) }
        return .seconds(Int64(seconds)) + .microseconds(Int64(microseconds))
    }

    func malformed(_ key: String) -> BeanstalkError {
        let value = values[key].map { "value \"\(PrintableExcerpt.of($0.utf8))\"" } ?? "no value"
        return BeanstalkError(.malformedReply, mayHaveBeenSent: true, detail: "\(value) for \(key)")
    }
}
