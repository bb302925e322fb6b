public import Logging
public import NIOCore
public import PipelinedTransport

/// A connection to one beanstalkd server, shared by any number of tasks.
///
/// Commands are pipelined; the server answers them in order, so everything sent after a waiting reserve waits with
/// it. Nothing is connected before the first command.
///
/// Every command takes a timeout, counted from the call; nil waits without limit. A timeout, or cancelling the task,
/// ends that one wait with a `transport` error and leaves the connection to the others: whether the server carried
/// the command out is then unknown where `mayHaveBeenSent` says so. A lost connection is made anew by the next
/// command, without the reservations and the tubes chosen by `use`, `watch` and `ignore` on the old one; those
/// it was described with are chosen again each time. `generation` binds a command to one connection: on any other it is
/// not sent, and fails with `staleGeneration`.
public typealias BeanstalkConnection = PipelinedConnection<BeanstalkReplyDecoder>

extension PipelinedConnection where Decoder == BeanstalkReplyDecoder {
    /// Describes a connection; it is opened by its first command.
    ///
    /// - Parameter useTube: where `put` stores jobs, and what `kick` and the peek commands look at.
    /// - Parameter watchTubes: the only tubes jobs are reserved from; none stands for `default`.
    /// - Parameter identifiesServer: whether each connection begins with one `stats`, sent along with the choice of tubes.
    ///   The server's id is the `serverID` of the connection's generation from then on; servers before 1.7 have none. A
    ///   server that answers `stats` with anything but statistics is no beanstalkd: commands fail as `preambleRejected`.
    /// - Parameter maximumBodySize: in bytes. The body of a job that has more is skipped as it comes, and the reply says so
    ///   (`reservedUnread`, `foundUnread`); a server that tells more than that of itself is disconnected.
    /// - Parameter eventLoop: where the connection runs; give one loop to connections that work together.
    public static func beanstalk(
        _ address: ServerAddress,
        useTube: TubeName = .default,
        watchTubes: [TubeName] = [.default],
        identifiesServer: Bool = false,
        maximumBodySize: Int = BeanstalkReplyDecoder.defaultMaximumBodySize,
        configuration: ConnectionConfiguration = .init(),
        eventLoop: any EventLoop,
        logger: Logger
    ) -> BeanstalkConnection {
        BeanstalkConnection(
            address: address,
            configuration: configuration,
            eventLoop: eventLoop,
            preamble: .opening(use: useTube, watch: watchTubes, identifiesServer: identifiesServer),
            logger: logger,
            makeDecoder: {
                BeanstalkReplyDecoder(
                    maximumBodySize: maximumBodySize,
                    maximumTextSize: min(maximumBodySize, BeanstalkReplyDecoder.defaultMaximumTextSize),
                    opensWithStatistics: identifiesServer)
            })
    }

    /// Describes a connection that a consumer asks for jobs, and whose server may send anything.
    ///
    /// - Parameter allowance: how many bytes of jobs' bodies may still come. Whoever asks for jobs sets it each time.
    package static func consuming(
        _ address: ServerAddress, useTube: TubeName = .default, watchTubes: [TubeName] = [.default],
        maximumBodySize: Int, allowance: NIOLoopBoundBox<Int>, configuration: ConnectionConfiguration,
        eventLoop: any EventLoop, logger: Logger
    ) -> BeanstalkConnection {
        BeanstalkConnection(
            address: address, configuration: configuration, eventLoop: eventLoop,
            preamble: .opening(use: useTube, watch: watchTubes, identifiesServer: true), logger: logger,
            makeDecoder: {
                BeanstalkReplyDecoder(
                    maximumBodySize: maximumBodySize, maximumTextSize: BeanstalkReplyDecoder.maximumStatisticsSize,
                    opensWithStatistics: true, allowance: allowance)
            })
    }

    /// Sends commands in one go and waits once for all their replies.
    ///
    /// Never throws: the outcome holds the replies that came, refusals included, and why the rest did not come. To
    /// `quit` there is no reply, so it ends a batch as `connectionLost`. A reply that cannot be the answer to its command
    /// ends the connection with `protocolViolation`. Commands of more than 2 GiB, counting 128 bytes for each besides
    /// its body, are not sent, and end as `tooLarge`.
    ///
    /// - Parameter generation: the only connection to send on; nil for any.
    /// - Parameter timeout: the time until the last reply must be there; nil waits without limit.
    /// - Parameter whenAbandoned: what to send, if anything, when the reply to the command at an index arrives after
    ///   a timeout or a cancellation ended the wait: to delete a job stored late, or release one reserved late.
    ///   Called on the event loop.
    public func execute(
        _ commands: [BeanstalkCommand],
        generation: ConnectionGeneration? = nil,
        timeout: Duration? = .seconds(5),
        whenAbandoned: (@Sendable (Int, BeanstalkReply) -> BeanstalkCommand?)? = nil
    ) async -> BatchOutcome<BeanstalkReply> {
        guard !commands.isEmpty else {
            return BatchOutcome(replies: [], failure: nil, generation: status.generation)
        }
        guard let bytes = BeanstalkCommand.encoded(commands) else {
            let tooLarge = TransportError(.tooLarge, address: address, mayHaveBeenSent: false)
            return BatchOutcome(replies: [], failure: tooLarge, generation: status.generation)
        }
        var batch = RequestBatch<BeanstalkReply>(
            bytes: bytes, count: commands.count, timeout: timeout, generation: generation,
            accepts: { index, reply in reply.answers(commands[index]) })
        if let whenAbandoned {
            batch.whenAbandoned = { index, reply in
                whenAbandoned(index, reply).flatMap { BeanstalkCommand.encoded([$0]) }
            }
        }
        return await send(batch)
    }

    // MARK: For the typed commands

    /// One reply, and the connection it came on.
    func reply(
        to command: BeanstalkCommand, generation: ConnectionGeneration? = nil, timeout: Duration?
    ) async throws(BeanstalkError) -> (reply: BeanstalkReply, generation: ConnectionGeneration) {
        let outcome = await execute([command], generation: generation, timeout: timeout)
        if let reply = outcome.replies.first { return (reply, outcome.generation) }
        guard let failure = outcome.failure else {
            throw BeanstalkError(.unexpectedReply, address: address, mayHaveBeenSent: true, detail: "no reply")
        }
        throw BeanstalkError(failure, jobID: command.jobID)
    }

    /// Sends a command that has one good reply, and reads it.
    ///
    /// - Parameter accept: what the reply means; nil where it is not the one expected.
    func run<Value>(
        _ command: BeanstalkCommand, generation: ConnectionGeneration? = nil, timeout: Duration?,
        accept: (BeanstalkReply) throws(BeanstalkError) -> Value?
    ) async throws(BeanstalkError) -> Value {
        let reply = try await reply(to: command, generation: generation, timeout: timeout).reply
        do throws(BeanstalkError) {
            if let value = try accept(reply) { return value }
        } catch {
            var error = error
            error.address = address
            error.jobID = error.jobID ?? command.jobID
            throw error
        }
        throw BeanstalkError(reply, address: address, jobID: command.jobID)
    }
}
