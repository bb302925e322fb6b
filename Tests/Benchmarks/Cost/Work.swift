import DelayQueue
import DelayQueueJobs
import NIOCore

/// Something a user's program does with jobs, again and again, so that its cost for one job can be told.
struct Work: Hashable, Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case produceBatch = "produce batch"
        case produceSingle = "produce single"
        case consumeStream = "consume stream"
        case consumeHandler = "consume handler"
        /// A handler of bytes that decodes them itself.
        case consumeDecoding = "consume decoding"
        /// A handler of the same jobs as Swift values.
        case consumeTyped = "consume typed"
    }

    /// What the typed jobs of the counts are.
    struct Invoice: TypedJob {
        static let jobName = "invoice"
        let number: Int
        let customer: String
    }

    let kind: Kind
    /// How the jobs' copies are written.
    let copyMode: CopyMode

    /// What is the same in both modes is counted in one run, for the two to be compared.
    static let all = Kind.allCases.flatMap { kind in
        kind.copyModes.map { Work(kind: kind, copyMode: $0) }
    }

    static let decoding = Work(kind: .consumeDecoding, copyMode: .standby)
    static let typed = Work(kind: .consumeTyped, copyMode: .standby)

    /// "consume stream" where all copies are ready together, as all were when the record was begun.
    var name: String { (copyMode == .standby ? "standby " : "") + kind.rawValue }

    /// - Returns: nil for a name that is none.
    init?(name: String) {
        guard let work = Self.all.first(where: { $0.name == name }) else { return nil }
        self = work
    }

    init(kind: Kind, copyMode: CopyMode) {
        self.kind = kind
        self.copyMode = copyMode
    }

    /// Whether the jobs must be waiting already.
    var needsJobs: Bool {
        switch kind {
        case .produceBatch, .produceSingle: false
        case .consumeStream, .consumeHandler, .consumeDecoding, .consumeTyped: true
        }
    }

    /// What must be waiting.
    func request(_ number: Int) throws -> JobRequest {
        switch kind {
        case .consumeDecoding, .consumeTyped:
            try JobRequest(Invoice(number: number, customer: "somebody"), after: .zero)
        default: JobRequest(delay: .zero, Self.body)
        }
    }

    /// Whether its steps are the same whenever replies come.
    var isSteady: Bool { kind == .produceBatch }

    private static let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: 32)
    /// Far enough away that nothing becomes ready while it is counted.
    private static let delay = Duration.seconds(3_600)
    private static let concurrency = 64

    /// Does it with a number of jobs, and leaves no connection open.
    ///
    /// - Parameter told: returns when a consumer is to end; all copies of all jobs have been taken and deleted then.
    func perform(jobs: Int, on place: Place, until told: @escaping @Sendable () async throws -> Void) async throws {
        switch kind {
        case .produceBatch:
            let producer = try place.producer(copyMode)
            for result in await producer.schedule((0..<jobs).map { _ in JobRequest(delay: Self.delay, Self.body) }) {
                _ = try result.get()
            }
            await producer.close()
        case .produceSingle:
            let producer = try place.producer(copyMode)
            for _ in 0..<jobs { _ = try await producer.delay(Self.delay, Self.body) }
            await producer.close()
        case .consumeStream:
            try await place.withConsumer(until: told) { consumer in
                for try await job in consumer { job.completeSoon() }
            }
        case .consumeHandler:
            try await place.withConsumer(until: told) { consumer in
                try await consumer.run(concurrency: Self.concurrency) { _ in }
            }
        case .consumeDecoding:
            try await place.withConsumer(until: told) { consumer in
                try await consumer.run(concurrency: Self.concurrency) { job in
                    _ = try job.decode(Invoice.self)
                }
            }
        case .consumeTyped:
            try await place.withWorker(concurrency: Self.concurrency, until: told) { worker in
                try worker.handle(Invoice.self) { _, _ in }
            }
        }
    }
}

extension Work.Kind {
    /// Typed jobs are counted as they are by default; what is typed is the same in both modes.
    fileprivate var copyModes: [CopyMode] {
        switch self {
        case .produceBatch, .produceSingle, .consumeStream, .consumeHandler: [.together, .standby]
        case .consumeDecoding, .consumeTyped: [.standby]
        }
    }
}
