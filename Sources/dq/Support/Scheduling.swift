import CommandSupport
import DelayQueue
import NIOCore

/// What `dq at` and `dq in` share.
enum Scheduling {
    /// How long work under way may take once the command wants to end.
    static let closeLimit = Duration.seconds(2)

    /// Schedules one job and prints its receipt.
    static func schedule(
        _ time: JobRequest.Time, _ arguments: SingleJobArguments, on cluster: ClusterOptions
    ) async throws {
        let options = try arguments.options()
        try await withProducer(cluster, copyMode: try arguments.job.copies.mode()) { producer in
            let body = try await body(arguments)
            let receipt =
                switch time {
                case .at(let date): try await producer.at(date, body, options: options)
                case .delay(let duration): try await producer.delay(duration, body, options: options)
                }
            let text = ReceiptText(receipt: receipt)
            if arguments.json {
                try await StandardStream.output.write(text.json)
            } else {
                if StandardStream.output.isTerminal { StandardStream.error.note(text.remark) }
                try await StandardStream.output.write(receipt.description)
            }
        }
    }

    private static func body(_ arguments: SingleJobArguments) async throws -> ByteBuffer {
        arguments.body == "-" ? try await ByteSource(path: "-").body() : ByteBuffer(string: arguments.body)
    }

    /// Runs work with a producer, which is closed afterwards; a signal cancels the work.
    ///
    /// - Parameter nodes: where jobs are written; those of the options unless given.
    /// - Parameter queue: the queue's name, where it is not the tube's.
    /// - Parameter copyMode: how jobs are written.
    static func withProducer(
        _ cluster: ClusterOptions, nodes: [BeanstalkNode]? = nil,
        queue: String? = nil, copyMode: CopyMode = .standby, _ work: @escaping @Sendable (Producer) async throws -> Void
    ) async throws {
        let ledger = try cluster.ledger()
        var configuration = try cluster.producerConfiguration()
        configuration.queue = queue
        configuration.copyMode = copyMode
        cluster.security.warn()
        let producer = try Producer(
            nodes: try nodes ?? cluster.resolvedNodes(), ledger: ledger, configuration: configuration,
            logger: cluster.logger(label: "dq.producer"))
        try await Interruption.run {
            let result: Result<Void, any Error>
            do {
                try await work(producer)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await producer.close(within: closeLimit)
            await ledger?.close()
            try result.get()
        }
    }
}
