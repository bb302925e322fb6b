/// The number a beanstalkd server gave a job.
///
/// Unique only within one life of one server: numbering starts at 1 again when a server comes back with an empty
/// binlog.
public struct BeanstalkJobID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: UInt64

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public static func < (a: BeanstalkJobID, b: BeanstalkJobID) -> Bool {
        a.rawValue < b.rawValue
    }

    public var description: String { "\(rawValue)" }
}
