public import NIOCore
public import PipelinedTransport

extension PipelinedConnection where Decoder == BeanstalkReplyDecoder {
    /// Stores a job in the tube in use.
    ///
    /// After a timeout or a cancellation the job may be stored all the same. Where that matters, use
    /// `execute(_:generation:timeout:whenAbandoned:)`, which can delete it when the server's answer comes late.
    ///
    /// - Parameter priority: 0 is the most urgent.
    /// - Parameter delay: seconds until the job is ready.
    /// - Parameter timeToRun: seconds a reservation of it lasts; 0 counts as 1.
    /// - Returns: the job's id on this server.
    /// - Throws: `jobTooBig`, `draining`, `outOfMemory`, `buried` (stored, but out of reach until kicked),
    ///   `transport`.
    public func put(
        _ body: ByteBuffer,
        priority: UInt32,
        delay: UInt32,
        timeToRun: UInt32,
        timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) -> BeanstalkJobID {
        let command = BeanstalkCommand.put(body, priority: priority, delay: delay, timeToRun: timeToRun)
        return try await run(command, timeout: timeout) { reply throws(BeanstalkError) in
            switch reply {
            case .inserted(let id): return id
            case .buried(let id?): throw BeanstalkError(.buried, mayHaveBeenSent: true, jobID: id)
            default: return nil
            }
        }
    }

    /// Chooses the tube that `put`, `kick` and the peek commands apply to, until this connection ends.
    ///
    /// - Throws: `outOfMemory`, `transport`.
    public func use(_ tube: TubeName, timeout: Duration? = .seconds(5)) async throws(BeanstalkError) {
        try await run(.use(tube), timeout: timeout) { $0 == .using(tube) ? () : nil }
    }
}
