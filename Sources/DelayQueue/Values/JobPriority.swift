/// Which jobs come first when more are due than consumers can take.
///
/// Within a priority the job that was due first comes first. Between priorities the higher one does, however long the
/// others have been due: while consumers do not keep up with jobs of one priority, no job of a lower one runs on that node.
public struct JobPriority: Hashable, Sendable, CustomStringConvertible {
    enum Class: UInt32, Sendable {
        case high = 0
        case normal = 1
        case low = 2
    }

    let value: Class

    public static let high = JobPriority(value: .high)
    public static let normal = JobPriority(value: .normal)
    public static let low = JobPriority(value: .low)

    public var description: String { "\(value)" }
}
