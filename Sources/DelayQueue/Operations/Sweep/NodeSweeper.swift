import Beanstalk
import Logging
import NIOCore
import PipelinedTransport

/// Goes through all jobs of a node over a connection of its own, and tells of this queue's copies.
///
/// Reads only. While the copies of one batch are looked through, the node is at work on the next. What the answers may
/// hold together is bounded: a record for which no room is left is skipped as it comes, and asked for again.
struct NodeSweeper: Sendable {
    /// Looks at most at so many numbers in one batch.
    private static let batchSize: UInt64 = 4096

    /// How many bytes of records one batch may bring; one that is larger comes alone.
    private static let batchBytes = 4 << 20

    private static let timeout = Duration.seconds(15)
    private static let waits: [Duration] = [.milliseconds(100), .milliseconds(500), .seconds(2)]

    private let node: BeanstalkNode
    private let connection: BeanstalkConnection
    private let allowance: NIOLoopBoundBox<Int>
    private let maximumRecordSize: Int
    private let isForBuriedCopies: Bool

    /// - Parameter isForBuriedCopies: whether a node without a buried copy of the queue's need not be gone through.
    init(
        _ place: QueueOperations.Place, _ configuration: JobQueueConfiguration, isForBuriedCopies: Bool, logger: Logger
    ) {
        self.isForBuriedCopies = isForBuriedCopies
        node = place.node
        maximumRecordSize = configuration.maximumRecordSize
        let eventLoop = place.connection.eventLoop
        allowance = NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: eventLoop)
        connection = .consuming(
            node.address, maximumBodySize: configuration.maximumRecordSize, allowance: allowance,
            configuration: configuration.connection, eventLoop: eventLoop, logger: logger)
    }

    /// - Parameters:
    ///   - earlier: where this one is to go on, for jobs that came since; it begins anew where the node was started anew.
    ///   - matches: whether a copy is of interest; asked before its tube is known, with nil for a record too large to be read.
    ///   - progress: told after each batch.
    ///   - found: is given copies of this queue; says whether to go on.
    /// - Returns: how far it came, also where the task was cancelled; and whether `found` said to go on.
    /// - Throws: what `found` throws.
    func run(
        after earlier: NodeSweep?, matches: @Sendable (JobRecord?) -> Bool, progress: @Sendable (NodeSweep) -> Void,
        found: @Sendable ([FoundCopy]) async throws -> Bool
    ) async throws -> (sweep: NodeSweep, goesOn: Bool) {
        let result: Result<(sweep: NodeSweep, goesOn: Bool), any Error>
        do {
            result = .success(try await sweep(after: earlier, matches: matches, progress: progress, found: found))
        } catch {
            result = .failure(error)
        }
        await connection.close(drainingFor: .zero)
        return try result.get()
    }

    private func sweep(
        after earlier: NodeSweep?, matches: @Sendable (JobRecord?) -> Bool, progress: @Sendable (NodeSweep) -> Void,
        found: @Sendable ([FoundCopy]) async throws -> Bool
    ) async throws -> (sweep: NodeSweep, goesOn: Bool) {
        var sweep = NodeSweep(node: node)
        do throws(BeanstalkError) {
            sweep = try await open(after: earlier)
        } catch {
            if !Task.isCancelled { sweep.failure = error }
            return (sweep, true)
        }
        progress(sweep)
        let server = sweep.server
        var ids = sweep.ids?.next(atMost: Self.batchSize)
        var look = await look(at: ids, of: server)
        while let current = ids {
            ids = sweep.ids?.next(atMost: Self.batchSize)
            async let ahead = self.look(at: ids, of: server)
            let copies: [FoundCopy]
            do throws(BeanstalkError) {
                let seen = try look.get()
                copies = try await self.copies(among: seen.jobs, of: server, matches)
                sweep.ids?.looked(at: current, found: seen.jobs.count, seen.census)
            } catch {
                if !Task.isCancelled { sweep.failure = error }
                return (sweep, true)
            }
            sweep.matches += copies.count
            progress(sweep)
            if !copies.isEmpty, try await !found(copies) { return (sweep, false) }
            look = await ahead
        }
        return (sweep, true)
    }

    // MARK: What is asked

    private struct Look {
        var jobs: [Seen] = []
        var census: IDSweep.Census
    }

    private struct Seen {
        let id: BeanstalkJobID
        let size: Int
        /// Nil where it was skipped.
        var bytes: ByteBuffer?
    }

    private func open(after earlier: NodeSweep?) async throws(BeanstalkError) -> NodeSweep {
        let (replies, server) = try await ask(NodeSweep.opening(node))
        guard let opening = NodeSweep.opened(replies) else { throw unexpected("it told no statistics") }
        let samples = NodeSweep.samples(
            try await ask(opening.samples.map { .statsJob($0) }, of: server).replies, uptime: opening.uptime)
        var sweep = NodeSweep(node: node, server: server, buried: opening.buried)
        if let earlier, var ids = earlier.ids, earlier.server == server, server != nil {
            ids.resume(opening.census, samples: samples)
            sweep.ids = ids
        } else {
            let isWorthwhile = (isForBuriedCopies ? opening.buried : opening.copies) > 0
            sweep.ids = IDSweep(opening.census, samples: samples, isWorthwhile: isWorthwhile)
        }
        return sweep
    }

    /// - Parameter ids: nil asks nothing.
    private func look(at ids: ClosedRange<UInt64>?, of server: ServerID?) async -> Result<Look, BeanstalkError> {
        do throws(BeanstalkError) {
            let commands = (ids.map(Array.init) ?? []).map { BeanstalkCommand.peek(BeanstalkJobID($0)) } + [.stats]
            let replies = try await ask(commands, of: server).replies
            guard case .ok(let text)? = replies.last, let statistics = try? ServerStatistics(parsing: text) else {
                throw unexpected("it told no statistics")
            }
            var look = Look(census: IDSweep.Census(statistics))
            for reply in replies.dropLast() {
                switch reply {
                case .found(let id, let bytes): look.jobs.append(Seen(id: id, size: bytes.readableBytes, bytes: bytes))
                case .foundUnread(let id, let size): look.jobs.append(Seen(id: id, size: size))
                case .notFound: break
                default: throw BeanstalkError(reply, address: node.address)
                }
            }
            return .success(look)
        } catch {
            return .failure(error)
        }
    }

    /// The copies of this queue among jobs of which some may be others'.
    private func copies(
        among jobs: [Seen], of server: ServerID?, _ matches: @Sendable (JobRecord?) -> Bool
    ) async throws(BeanstalkError) -> [FoundCopy] {
        var matching: [(job: Seen, record: JobRecord?)] = []
        for job in jobs {
            var job = job
            if job.bytes == nil, job.size <= maximumRecordSize {
                // There was no room left for it among the others.
                guard case .found(_, let bytes)? = try await ask([.peek(job.id)], of: server).replies.first else {
                    continue
                }
                job.bytes = bytes
            }
            let record = job.bytes.map { JobRecord(parsing: $0) }
            if matches(record) { matching.append((job, record)) }
        }
        let replies = try await ask(matching.map { .statsJob($0.job.id) }, of: server).replies
        return zip(matching, replies).compactMap { match, reply in
            guard case .ok(let text) = reply, let statistics = try? JobStatistics(parsing: text),
                statistics.id == match.job.id, let tube = node.copyTube(named: statistics.tube)
            else { return nil }
            return FoundCopy(
                node: node, tube: tube, server: server, id: match.job.id, record: match.record,
                bytes: match.job.bytes ?? ByteBuffer(), size: match.job.size, statistics: statistics)
        }
    }

    /// Asks again where a connection is lost or slow, as long as it leads to the same server process.
    ///
    /// - Parameter server: the one that is to answer; nil for any.
    private func ask(
        _ commands: [BeanstalkCommand], of server: ServerID? = nil
    ) async throws(BeanstalkError) -> (replies: [BeanstalkReply], server: ServerID?) {
        guard !commands.isEmpty else { return ([], server) }
        var waits = Self.waits[...]
        while true {
            // Whatever comes until the next batch is sent counts.
            connection.eventLoop.execute { [allowance] in allowance.value = Self.batchBytes }
            let outcome = await connection.execute(commands, timeout: Self.timeout)
            guard let failure = outcome.failure else {
                let answering = outcome.generation.serverID
                guard server == nil || answering == server else {
                    throw BeanstalkError(
                        TransportError(.staleGeneration, address: node.address, mayHaveBeenSent: false))
                }
                return (outcome.replies, answering)
            }
            guard let wait = waits.popFirst(), (try? await Task.sleep(for: wait)) != nil else {
                throw BeanstalkError(failure)
            }
        }
    }

    private func unexpected(_ detail: String) -> BeanstalkError {
        BeanstalkError(.unexpectedReply, address: node.address, mayHaveBeenSent: true, detail: detail)
    }
}
