/// How a job is written to its nodes.
public struct RecordFormat: Hashable, Sendable, CustomStringConvertible {
    enum Value: String, Sendable {
        case native, goQueue
    }

    let value: Value

    /// This library's own: ids, headers, priorities and copies that can be counted.
    public static let native = RecordFormat(value: .native)

    /// go-queue's, for consumers written with that library: a time and a body, nothing else.
    ///
    /// The job's id is the MD5 of the record, so the same body for the same nanosecond is the same job. Headers,
    /// an id of one's own, a priority and a time to run cannot be given.
    public static let goQueue = RecordFormat(value: .goQueue)

    public var description: String { value.rawValue }
}
