/// How much is written in one go.
struct WriteSize {
    /// The most jobs written in one go: enough that a round trip is nothing, few enough that three such writes, the most
    /// that are under way, take much less time than ``ProducerConfiguration/writeTimeout``.
    static let mostJobs = 2048

    /// With so many bytes of records no more jobs are added. One more of the largest is far from what a buffer holds,
    /// beyond which it would end the process.
    static let enoughBytes = 16 << 20

    private var jobs = 0
    private var bytes = 0

    /// Never so before the first job: one is written, however large.
    var isFull: Bool { jobs >= Self.mostJobs || bytes >= Self.enoughBytes }

    mutating func add(recordSize: Int) {
        jobs += 1
        bytes += recordSize
    }
}
