public import NIOCore
public import PipelinedTransport

extension PipelinedConnection where Decoder == BeanstalkReplyDecoder {
    // MARK: Jobs

    /// Looks at a job, whatever its tube and state.
    ///
    /// - Returns: nil where there is none with that id.
    /// - Throws: `outOfMemory`, `transport`.
    public func peek(
        _ id: BeanstalkJobID, timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) -> (id: BeanstalkJobID, body: ByteBuffer)? {
        try await found(.peek(id), timeout: timeout)
    }

    /// Looks at the next ready job of the tube in use.
    ///
    /// - Throws: `outOfMemory`, `transport`.
    public func peekReady(
        timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) -> (id: BeanstalkJobID, body: ByteBuffer)? {
        try await found(.peekReady, timeout: timeout)
    }

    /// Looks at the delayed job of the tube in use that is ready first.
    ///
    /// - Throws: `outOfMemory`, `transport`.
    public func peekDelayed(
        timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) -> (id: BeanstalkJobID, body: ByteBuffer)? {
        try await found(.peekDelayed, timeout: timeout)
    }

    /// Looks at the job of the tube in use that was buried first.
    ///
    /// - Throws: `outOfMemory`, `transport`.
    public func peekBuried(
        timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) -> (id: BeanstalkJobID, body: ByteBuffer)? {
        try await found(.peekBuried, timeout: timeout)
    }

    private func found(
        _ command: BeanstalkCommand, timeout: Duration?
    ) async throws(BeanstalkError) -> (id: BeanstalkJobID, body: ByteBuffer)? {
        let reply = try await reply(to: command, timeout: timeout).reply
        switch reply {
        case .found(let id, let body): return (id, body)
        case .notFound: return nil
        default: throw BeanstalkError(reply, address: address, jobID: command.jobID)
        }
    }

    /// Makes buried jobs of the tube in use ready, or delayed ones if none is buried.
    ///
    /// - Parameter bound: how many at most.
    /// - Returns: how many.
    /// - Throws: `transport`.
    @discardableResult
    public func kick(bound: UInt32, timeout: Duration? = .seconds(5)) async throws(BeanstalkError) -> UInt64 {
        try await run(.kick(bound: bound), timeout: timeout) { if case .kicked(let count) = $0 { count } else { nil } }
    }

    /// Makes one buried or delayed job ready, in its own tube.
    ///
    /// - Throws: `notFound` (also where the job is neither), `transport`.
    public func kickJob(_ id: BeanstalkJobID, timeout: Duration? = .seconds(5)) async throws(BeanstalkError) {
        try await run(.kickJob(id), timeout: timeout) { $0 == .kicked(nil) ? () : nil }
    }

    // MARK: Statistics

    /// - Throws: `malformedReply`, `outOfMemory`, `transport`.
    public func stats(timeout: Duration? = .seconds(5)) async throws(BeanstalkError) -> ServerStatistics {
        try await run(.stats, timeout: timeout) { reply throws(BeanstalkError) in
            if case .ok(let text) = reply { try ServerStatistics(parsing: text) } else { nil }
        }
    }

    /// - Throws: `notFound`, `malformedReply`, `outOfMemory`, `transport`.
    public func statsJob(
        _ id: BeanstalkJobID, timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) -> JobStatistics {
        try await run(.statsJob(id), timeout: timeout) { reply throws(BeanstalkError) in
            if case .ok(let text) = reply { try JobStatistics(parsing: text) } else { nil }
        }
    }

    /// - Throws: `notFound` (a tube without jobs and connections is gone), `malformedReply`, `outOfMemory`,
    ///   `transport`.
    public func statsTube(
        _ tube: TubeName, timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) -> TubeStatistics {
        try await run(.statsTube(tube), timeout: timeout) { reply throws(BeanstalkError) in
            if case .ok(let text) = reply { try TubeStatistics(parsing: text) } else { nil }
        }
    }

    // MARK: Tubes

    /// All tubes that hold jobs or are used or watched by a connection.
    ///
    /// - Throws: `malformedReply`, `outOfMemory`, `transport`.
    public func listTubes(timeout: Duration? = .seconds(5)) async throws(BeanstalkError) -> [TubeName] {
        try await tubes(.listTubes, timeout: timeout)
    }

    /// The tubes this connection reserves from.
    ///
    /// - Throws: `malformedReply`, `outOfMemory`, `transport`.
    public func listTubesWatched(timeout: Duration? = .seconds(5)) async throws(BeanstalkError) -> [TubeName] {
        try await tubes(.listTubesWatched, timeout: timeout)
    }

    private func tubes(
        _ command: BeanstalkCommand, timeout: Duration?
    ) async throws(BeanstalkError) -> [TubeName] {
        try await run(command, timeout: timeout) { reply throws(BeanstalkError) in
            if case .ok(let text) = reply { try TubeName.list(parsing: text) } else { nil }
        }
    }

    /// The tube this connection puts jobs in.
    ///
    /// - Throws: `transport`.
    public func listTubeUsed(timeout: Duration? = .seconds(5)) async throws(BeanstalkError) -> TubeName {
        try await run(.listTubeUsed, timeout: timeout) { if case .using(let tube) = $0 { tube } else { nil } }
    }

    /// Keeps a tube's jobs from being reserved, by anybody.
    ///
    /// - Parameter seconds: for how long; 0 ends a pause.
    /// - Throws: `notFound`, `transport`.
    public func pauseTube(
        _ tube: TubeName, delay seconds: UInt32, timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) {
        try await run(.pauseTube(tube, delay: seconds), timeout: timeout) { $0 == .paused ? () : nil }
    }

    // MARK: Connection

    /// Lets the server end the connection once it has answered what was sent before.
    ///
    /// Reservations go back to their tubes. Does nothing where there is no connection; a later command makes a new
    /// one. To be done with the connection for good, use `close(drainingFor:)`.
    ///
    /// - Throws: `transport`, where the server did not hang up in time.
    public func quit(timeout: Duration? = .seconds(5)) async throws(BeanstalkError) {
        guard status.phase == .ready else { return }
        let generation = status.generation
        do throws(BeanstalkError) {
            let reply = try await reply(to: .quit, generation: generation, timeout: timeout).reply
            throw BeanstalkError(reply, address: address)
        } catch {
            guard error.underlying?.code == .connectionLost else { throw error }
        }
        // The end was asked for: it is no reason to hold back the next connection.
        if status.generation == generation, case .idle = status.phase { disconnect() }
    }
}
