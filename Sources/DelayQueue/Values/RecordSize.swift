/// How large the records of jobs may be, which producers and consumers of a queue must agree on.
enum RecordSize {
    /// 1 MiB; a beanstalkd takes 64 KiB unless it is started with `-z`.
    static let defaultMaximum = 1 << 20

    static let defaultMaximumHeld = 64 << 20

    /// What beanstalkd's `-z` may be at most.
    private static let largest = 1 << 30

    /// - Parameter maximum: a setting named `maximumRecordSize`.
    static func problems(_ maximum: Int) -> [String] {
        (1...largest).contains(maximum)
            ? [] : ["maximumRecordSize is \(maximum); it must be 1 to \(largest) bytes"]
    }
}
