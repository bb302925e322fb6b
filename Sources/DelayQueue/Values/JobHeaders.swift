/// Named values that travel with a job, in the order they were added.
///
/// Names are lower-case tokens, such as `content-type`; values are visible ASCII and spaces. Nothing is checked
/// until the job is scheduled, which fails with `invalidHeader` where a header does not obey.
public struct JobHeaders: Sendable, Hashable {
    /// The most headers a job may have.
    public static let maximumCount = 128

    /// The most bytes of all names and values together, where four more are counted for the separators of each header.
    /// This is most of the 1 MiB that consumers allow a record beside its body.
    public static let maximumLength = 1_000_000

    var pairs: [Pair]

    struct Pair: Sendable, Hashable {
        var name: String
        var value: String
    }

    public init() {
        pairs = []
    }

    /// Adds the pairs in order; the last of several with one name counts.
    public init(_ pairs: some Sequence<(String, String)>) {
        self.init()
        for (name, value) in pairs { self[name] = value }
    }

    /// The value of a header, by its exact name; setting nil removes it.
    public subscript(name: String) -> String? {
        get { pairs.first { $0.name == name }?.value }
        set {
            let index = pairs.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): pairs[index].value = value
            case (nil, let value?): pairs.append(Pair(name: name, value: value))
            case (let index?, nil): pairs.remove(at: index)
            case (nil, nil): break
            }
        }
    }

    /// Names under which traces are carried: W3C's trace context and baggage, and Zipkin's.
    private static let traceNames: Set<String> = [
        "traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid",
        "x-b3-sampled",
        "x-b3-flags",
    ]

    /// All but those that tell of the trace in which a job was scheduled.
    var withoutTrace: JobHeaders {
        var headers = self
        headers.pairs.removeAll { Self.traceNames.contains($0.name) }
        return headers
    }

    public var count: Int { pairs.count }
    public var isEmpty: Bool { pairs.isEmpty }

    /// - Throws: `invalidHeader` for the first name or value that could not be written and read back, for too many, or
    ///   too long.
    package func validate() throws(DelayQueueError) {
        guard pairs.count <= Self.maximumCount else {
            throw DelayQueueError(
                .invalidHeader, "a job has at most \(Self.maximumCount) headers, this one \(pairs.count)")
        }
        let length = pairs.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
        guard length <= Self.maximumLength else {
            throw DelayQueueError(
                .invalidHeader,
                "headers are \(length) bytes; at most \(Self.maximumLength) can be delivered; store more elsewhere")
        }
        for pair in pairs {
            guard Self.isName(pair.name.utf8) else {
                throw DelayQueueError(
                    .invalidHeader,
                    "a header's name is a token of lower-case letters, digits and !#$%&'*+-.^_`|~, not "
                        + pair.name.debugDescription)
            }
            guard Self.isValue(pair.value.utf8) else {
                throw DelayQueueError(
                    .invalidHeader,
                    "the value of header \(pair.name) has characters other than visible ASCII and space: "
                        + pair.value.debugDescription)
            }
        }
    }

    /// The token of RFC 9110, without capital letters.
    package static func isName(_ bytes: some Collection<UInt8>) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
                    UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
                    UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
                    true
                default:
                    false
                }
            }
    }

    package static func isValue(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.allSatisfy { $0.isVisibleASCII || $0 == UInt8(ascii: " ") }
    }
}

extension JobHeaders: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements)
    }
}

extension JobHeaders: Sequence {
    public func makeIterator() -> some IteratorProtocol<(name: String, value: String)> {
        pairs.lazy.map { (name: $0.name, value: $0.value) }.makeIterator()
    }
}

extension JobHeaders: CustomStringConvertible {
    public var description: String {
        pairs.map { "\($0.name): \($0.value)" }.joined(separator: ", ")
    }
}
