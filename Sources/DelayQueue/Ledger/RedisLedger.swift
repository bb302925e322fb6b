package import HiredisClient
public import Logging
package import NIOCore
import NIOPosix
import PipelinedTransport

/// The ledger in one Redis or Valkey server, from version 5 on.
///
/// Lazy: nothing is opened before the first request. All requests share one connection, which is made anew when it is
/// lost. While the server is out of reach every request fails with `ledgerUnavailable`: nobody can claim a job then,
/// nothing runs that did not run before, and nothing is lost.
///
/// Each job is a string under `dq:<queue>:<id>`, readable with `GET`. The server's own clock decides every question of
/// time, so clocks of producers and consumers do not matter here. A server that runs out of memory must refuse
/// (`maxmemory-policy noeviction`) and not evict: an evicted record lets a job run again, so a warning is logged for
/// every connection to a server that evicts. A full server still takes what changes a record; only new ones are
/// refused.
public struct RedisLedger: JobLedger, LedgerCarrier {
    package let client: RedisClient
    let timeout: Duration
    private let timingWords = LedgerTimingWords.Cache()
    let fixedTime: (@Sendable () -> Timestamp)?

    /// - Parameter url: `redis://` or, with TLS, `rediss://`, then `[user[:password]@]host[:port][/database]`; or
    ///   `unix:///path`.
    /// - Throws: `invalidConfiguration`.
    public init(
        _ url: String, configuration: RedisLedgerConfiguration = .init(), logger: Logger? = nil
    ) throws(DelayQueueError) {
        try self.init(url, configuration: configuration, logger: logger, fixedTime: nil)
    }

    /// - Parameter fixedTime: replaces the server's clock in decisions, but not in how long records last.
    package init(
        _ url: String, configuration: RedisLedgerConfiguration = .init(), logger: Logger? = nil,
        fixedTime: (@Sendable () -> Timestamp)?
    ) throws(DelayQueueError) {
        guard configuration.timeout > .zero else {
            throw DelayQueueError(.invalidConfiguration, "the ledger's timeout is \(configuration.timeout)")
        }
        self.fixedTime = fixedTime
        timeout = configuration.timeout
        let logger = logger ?? Logger(label: "DelayQueue.RedisLedger")
        do {
            client = try RedisClient(
                url: RedisURL(parsing: url),
                scripts: RedisLedgerScript.sources(clock: fixedTime == nil ? .server : .argument),
                configuration: configuration.connection,
                onEvictionPolicy: { policy in
                    guard policy != "noeviction" else { return }
                    logger.warning(
                        "the ledger's server evicts keys when its memory is full; a job whose record goes runs again",
                        metadata: [LogKey.policy: "\(policy)", LogKey.mend: "set maxmemory-policy noeviction"])
                },
                eventLoop: configuration.eventLoop ?? MultiThreadedEventLoopGroup.singleton.next(),
                logger: logger)
        } catch {
            throw DelayQueueError(.invalidConfiguration, "the ledger's URL: \(error.message)", underlying: error)
        }
    }

    public var access: LedgerAccess { LedgerAccess(self) }

    package func perform(_ requests: [LedgerRequest]) async -> [Result<LedgerReply, DelayQueueError>] {
        guard !requests.isEmpty else { return [] }
        let replies = await client.send(
            reserving: requests.count, timeout: timeout, accepts: RedisLedgerCall.accepts
        ) { [timingWords, fixedTime] batch in
            var words = timingWords.words(for: requests[0].timing)
            // The loop goes by index, because one over the elements would copy each of them.
            for index in requests.indices {
                if requests[index].timing != words.timing { words = timingWords.words(for: requests[index].timing) }
                RedisLedgerCall.append(requests[index], words, time: fixedTime?(), to: &batch)
            }
        }
        return requests.indices.map { index in
            if let reply = RedisLedgerCall.reply(replies.values[index]) { return .success(reply) }
            if let error = replies.failures[index] { return .failure(DelayQueueError(ledger: error)) }
            return .failure(Self.refusal(of: replies.values[index], to: requests[index]))
        }
    }

    /// Waits up to a second for replies still due, and closes the connection.
    public func close() async { await close(within: .seconds(1)) }

    package func close(within limit: Duration) async { await client.close(drainingFor: limit) }

    /// A request as it goes over the wire, for measurements without this client. It names scripts by their digests once
    /// the client has been connected, and has their source in it before that.
    package func encoded(_ request: LedgerRequest) async -> ByteBuffer {
        await client.written { [timingWords, fixedTime] batch in
            RedisLedgerCall.append(request, timingWords.words(for: request.timing), time: fixedTime?(), to: &batch)
        }
    }

    private static func refusal(of value: RedisValue, to request: LedgerRequest) -> DelayQueueError {
        if value.string == RedisLedgerScript.unreadable { return .unreadableRecord(request.key) }
        return DelayQueueError(
            .ledgerUnavailable, "the ledger's server gave no reply of its scripts", isRetriable: true)
    }
}

extension DelayQueueError {
    /// What a failed call of a script means.
    init(ledger error: RedisError) {
        switch error.transport?.code {
        case .cancelled?:
            self.init(.cancelled, "the wait for the ledger was cancelled", underlying: error)
        case .closed?:
            self.init(.closed, "the ledger was closed", underlying: error)
        default:
            if error.isConfiguration {
                self.init(.ledgerMisconfigured, "the ledger cannot serve as configured", underlying: error)
            } else {
                self.init(
                    .ledgerUnavailable, "the ledger did not serve the request", underlying: error,
                    isRetriable: error.isRetriable)
            }
        }
    }
}
