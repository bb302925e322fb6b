import HiredisClient
public import PipelinedTransport

/// Where a queue is, as one line of text for the environment of a program.
///
/// ```
/// dq://10.0.0.1,10.0.0.2,10.0.0.3:11301/invoices?ledger=redis://10.0.0.4:6379&lease=1m
/// ```
///
/// | part | meaning |
/// |---|---|
/// | hosts | the nodes: `host`, `host:port` or `[IPv6]:port`, with commas between them; the port is 11300 unless it is told |
/// | path | the queue's name |
/// | `ledger` | the URL of its ledger, as `RedisLedger` takes it. What has a meaning in this text too (`&`, `%`, `+`) is percent-encoded |
/// | `copies`, `minimum-written` | as in ``JobQueueConfiguration`` |
/// | `copy-mode` | `standby` or `together` |
/// | `lease`, `retention` | as in ``LedgerTiming``: a number and `ms`, `s`, `m`, `h` or `d` |
///
/// Keys, and certificates for TLS to the nodes, are no part of it: see ``JobQueueConfiguration``.
public struct JobQueueAddress: Sendable, Hashable {
    public let name: String
    public let nodes: [ServerAddress]
    /// The URL of the ledger; it may bear a password.
    public let ledger: String

    private var copies: Int?
    private var minimumWritten: Int?
    private var copyMode: CopyMode?
    private var lease: Duration?
    private var retention: Duration?

    /// - Throws: `invalidConfiguration`, listing every problem. The messages name parts by their position and quote nothing,
    ///   since a misplaced character can make any part of the text a part of a password.
    public init(_ text: String) throws(DelayQueueError) {
        guard let rest = text.dropping(prefix: "dq://") else {
            throw .invalidConfiguration([
                "a queue's address begins with dq://, as dq://node1,node2,node3/name?ledger=redis://host"
            ])
        }
        let halves = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let place = (halves.first ?? "").split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var problems: [String] = []
        var nodes: [ServerAddress] = []
        let hosts = (place.first ?? "").split(separator: ",", omittingEmptySubsequences: false)
        for (index, host) in hosts.enumerated() {
            if let address = Self.node(host) {
                nodes.append(address)
            } else {
                problems.append("the \(Self.ordinal(index)) node is not \(Self.nodeWords)")
            }
        }
        name = place.count > 1 ? String(place[1]) : ""
        if name.isEmpty {
            problems.append("the queue's name is missing: dq://nodes/name")
        } else if (try? TubeName(validating: name)) == nil {
            problems.append(
                "the queue's name, which is all between the nodes' slash and the ?, must be 1 to 183 of A-Z a-z 0-9 + / ; . "
                    + "$ _ ( ) -, not starting with -")
        }
        var ledger: String?
        self.nodes = nodes
        for (index, item) in (halves.count > 1 ? halves[1] : "").split(separator: "&").enumerated() {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(pair[0])
            guard Self.keys.contains(key) else {
                problems.append(
                    "the \(Self.ordinal(index)) parameter is not known: write one of \(Self.keys.joined(separator: ", ")); "
                        + "an & in the ledger's URL is written %26")
                continue
            }
            guard pair.count == 2, let value = RedisURL.percentDecoded(pair[1]) else {
                problems.append("\(key) has no value, or one that is badly percent-encoded; a % in it is written %25")
                continue
            }
            switch key {
            case "ledger": ledger = value
            case "copies": copies = Self.read(value, as: key, "a whole number", &problems) { Int($0) }
            case "minimum-written":
                minimumWritten = Self.read(value, as: key, "a whole number", &problems) { Int($0) }
            case "copy-mode":
                copyMode = Self.read(value, as: key, "standby or together", &problems) { text in
                    [CopyMode.standby, .together].first { "\($0)" == text }
                }
            case "lease": lease = Self.read(value, as: key, Self.durationWords, &problems, Self.duration)
            case "retention": retention = Self.read(value, as: key, Self.durationWords, &problems, Self.duration)
            default: break
            }
        }
        self.ledger = ledger ?? ""
        if ledger == nil { problems.append("the ledger is missing: ?ledger=redis://host:6379") }
        guard problems.isEmpty else { throw .invalidConfiguration(problems) }
    }

    func apply(to configuration: inout JobQueueConfiguration) {
        if let copies { configuration.copies = copies }
        if let minimumWritten { configuration.minimumWritten = minimumWritten }
        if let copyMode { configuration.copyMode = copyMode }
        if let lease { configuration.timing.lease = lease }
        if let retention { configuration.timing.retention = retention }
    }

    private static func read<Value>(
        _ text: String, as key: String, _ allowed: String, _ problems: inout [String], _ parse: (String) -> Value?
    ) -> Value? {
        let value = parse(text)
        if value == nil { problems.append("\(key) is not \(allowed)") }
        return value
    }

    private static let keys = ["ledger", "copies", "minimum-written", "copy-mode", "lease", "retention"]

    static let nodeWords = "host, host:port or [IPv6]:port, without a user or password"

    /// An @ would be taken for a part of the host's name, and shown wherever that is, with the password before it.
    static func node(_ text: some StringProtocol) -> ServerAddress? {
        text.contains("@") ? nil : ServerAddress(parsing: text, defaultPort: BeanstalkNode.defaultPort)
    }

    /// "1st" for the index 0.
    static func ordinal(_ index: Int) -> String {
        let number = index + 1
        let isTeen = (11...13).contains(number % 100)
        return switch number % 10 {
        case 1 where !isTeen: "\(number)st"
        case 2 where !isTeen: "\(number)nd"
        case 3 where !isTeen: "\(number)rd"
        default: "\(number)th"
        }
    }

    static let durationWords = "a number and ms, s, m, h or d, as 90s"

    static func duration(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), number <= 1_000_000_000 else { return nil }
        return switch text.dropFirst(digits.count) {
        case "ms": .milliseconds(number)
        case "s": .seconds(number)
        case "m": .seconds(number * 60)
        case "h": .seconds(number * 3600)
        case "d": .seconds(number * 86_400)
        default: nil
        }
    }
}

extension JobQueueAddress: CustomStringConvertible {
    /// Without the ledger, whose URL may bear a password.
    public var description: String { "dq://\(nodes.map(\.description).joined(separator: ","))/\(name)" }
}

extension String {
    fileprivate func dropping(prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}
