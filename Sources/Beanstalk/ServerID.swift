public import PipelinedTransport

/// The random number a beanstalkd process gives itself when it starts: the `id` of its `stats`, 16 hexadecimal digits.
///
/// Together with a ``BeanstalkJobID`` it names a job for good. A restart changes it, even one with the binlog of the
/// process before, which keeps the jobs and their numbers.
public struct ServerID: Hashable, Sendable {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

extension ServerID: LosslessStringConvertible {
    /// How many digits the text has.
    @usableFromInline package static let length = 16

    /// 16 lower-case digits.
    public var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: Self.length - digits.count) + digits
    }

    /// - Returns: nil for anything but 16 lower-case hexadecimal digits.
    public init?(_ description: String) {
        self.init(digits: description.utf8)
    }

    /// Inlined where it is used: reading each digit through what is only known to be a collection takes as many instructions
    /// as all else of a consumed job, whose lead names two servers (`./dev bench --check`).
    @inlinable
    package init?(digits: some Collection<UInt8>) {
        guard digits.count == Self.length else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        rawValue = value
    }
}

extension ConnectionGeneration {
    /// The server process at the other end, where the connection asked for it.
    public var serverID: ServerID? { peer.map(ServerID.init) }

    package init(_ number: UInt64, serverID: ServerID?) {
        self.init(number, peer: serverID?.rawValue)
    }
}
