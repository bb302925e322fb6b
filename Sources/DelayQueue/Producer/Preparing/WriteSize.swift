/// How much is written in one go.
struct WriteSize {
    /// The most jobs written in one go: enough that a round trip is nothing, few enough that three such writes, the
    /// most that are under way, take much less time than ``ProducerConfiguration/writeTimeout``.
    static let mostJobs = 2048

    /// Once a write has this many bytes of records, no more jobs are added to it. With one more of the largest it is
    /// still far from what a `ByteBuffer` can hold; a write beyond that would end the process.
    static let enoughBytes = 16 << 20

    private var jobs = 0
    private var bytes = 0

    /// Whether no more jobs are added. That is never so before the first job, which is written however large it is.
    var isFull: Bool { jobs >= Self.mostJobs || bytes >= Self.enoughBytes }

    mutating func add(recordSize: Int) {
        jobs += 1
        bytes += recordSize
    }
}
