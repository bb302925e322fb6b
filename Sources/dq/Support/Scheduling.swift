import CommandSupport
import DelayQueue
import NIOCore

/// What `dq at` and `dq in` share.
enum Scheduling {
    /// Schedules one job and prints its receipt.
    ///
    /// - Throws: where the receipt could not be printed, what became of the job; the job is taken back, or its receipt is
    ///   on standard error.
    static func schedule(
        _ time: JobRequest.Time, _ arguments: SingleJobArguments, on cluster: ClusterOptions
    ) async throws {
        let options = try arguments.options()
        try await withProducer(cluster, copyMode: try arguments.job.copies.mode()) { producer in
            let body = try await body(arguments)
            let receipt: Receipt
            do {
                receipt =
                    switch time {
                    case .at(let date): try await producer.at(date, body, options: options)
                    case .delay(let duration): try await producer.delay(duration, body, options: options)
                    }
            } catch let error as DelayQueueError where error.mayStillFire && Task.isCancelled {
                // After a signal nothing else would tell.
                StandardStream.error.note("\(error)")
                throw error
            }
            let text = ReceiptText(receipt: receipt)
            if !arguments.json, StandardStream.output.isTerminal { StandardStream.error.note(text.remark) }
            do {
                try await StandardStream.output.tell(
                    arguments.json ? text.json : receipt.description, within: Producer.endingLimit)
            } catch {
                try await takeBack(receipt, from: producer, as: error)
            }
        }
    }

    private static func takeBack(_ receipt: Receipt, from producer: Producer, as failure: any Error) async throws {
        if await producer.takeBack([receipt]) == [true] {
            StandardStream.error.note("the receipt could not be printed; the job was taken back")
        } else {
            StandardStream.error.note("the receipt could not be printed to standard output; the job stays scheduled:")
            StandardStream.error.note(receipt.description)
        }
        throw CommandError("\(failure)")
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
            await producer.close(within: Producer.endingLimit)
            await ledger?.close()
            try result.get()
        }
    }
}
