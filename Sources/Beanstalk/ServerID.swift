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
    package static let length = HexDigits.length

    /// 16 lower-case digits.
    public var description: String { HexDigits.text(rawValue) }

    /// - Returns: nil for anything but 16 lower-case hexadecimal digits.
    public init?(_ description: String) {
        var description = description
        guard let id = description.withUTF8({ ServerID(digits: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = id
    }

    package init?(digits: UnsafeRawBufferPointer) {
        guard let value = HexDigits.value(digits) else { return nil }
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
