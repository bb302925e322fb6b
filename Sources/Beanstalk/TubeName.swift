package import NIOCore
import PipelinedTransport

/// The name of a tube: 1 to 200 of the characters `A-Z a-z 0-9 + / ; . $ _ ( ) -`, the first not a hyphen.
///
/// The rule is the protocol's own, so a name can neither be refused nor smuggle a second command into a line.
public struct TubeName: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: String

    /// The tube every new connection uses and watches.
    public static let `default` = TubeName(unchecked: "default")

    /// The longest name in bytes, from protocol.txt.
    package static let maximumLength = 200

    /// - Throws: `invalidTubeName`.
    public init(validating name: String) throws(BeanstalkError) {
        guard Self.isValid(name.utf8) else {
            throw BeanstalkError(.invalidTubeName, detail: PrintableExcerpt.of(name.utf8))
        }
        self.rawValue = name
    }

    private init(unchecked name: String) {
        self.rawValue = name
    }

    /// - Returns: nil where the name would be too long, or not be one.
    package func appending(_ suffix: String) -> TubeName? {
        try? TubeName(validating: rawValue + suffix)
    }

    init?(bytes: some Collection<UInt8>) {
        guard Self.isValid(bytes) else { return nil }
        self.rawValue = String(decoding: bytes, as: UTF8.self)
    }

    private static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        guard (1...maximumLength).contains(bytes.count), bytes.first != UInt8(ascii: "-") else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: ";"),
                UInt8(ascii: "."), UInt8(ascii: "$"), UInt8(ascii: "_"), UInt8(ascii: "("), UInt8(ascii: ")"),
                UInt8(ascii: "-"):
                true
            default:
                false
            }
        }
    }

    public var description: String { rawValue }

    /// Reads the text that answers `list-tubes` and `list-tubes-watched`.
    ///
    /// - Throws: `malformedReply`.
    package static func list(parsing text: ByteBuffer) throws(BeanstalkError) -> [TubeName] {
        var names: [TubeName] = []
        for line in try StatisticsText.lines(of: text) {
            guard line.starts(with: "- ".utf8),
                let name = TubeName(bytes: StatisticsText.unquoted(line.dropFirst(2)))
            else { throw .malformedText(line) }
            names.append(name)
        }
        return names
    }
}
