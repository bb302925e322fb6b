public import PipelinedTransport

extension PipelinedConnection where Decoder == BeanstalkReplyDecoder {
    /// Waits for a job, by default without limit.
    ///
    /// Nothing else sent on this connection is answered before it. A job that comes after a timeout or a cancellation
    /// ended the wait stays reserved by this connection until its time to run is over; where that matters, use
    /// `execute(_:generation:timeout:whenAbandoned:)`.
    ///
    /// - Throws: `deadlineSoon`, `timedOut`, `transport`.
    public func reserve(timeout: Duration? = nil) async throws(BeanstalkError) -> Reservation {
        try await reservation(.reserve, timeout: timeout)
    }

    /// Waits for a job for some time.
    ///
    /// What `reserve(timeout:)` says of a wait that ends early applies.
    ///
    /// - Parameter seconds: how long the server waits; 0 answers at once. More than 2³¹−1 counts as that.
    /// - Parameter margin: how much longer the reply may take before the wait ends without it.
    /// - Returns: nil where no job came in time.
    /// - Throws: `deadlineSoon`, `transport`.
    public func reserve(
        timeout seconds: UInt32, margin: Duration = .seconds(5)
    ) async throws(BeanstalkError) -> Reservation? {
        do throws(BeanstalkError) {
            let timeout = Duration.seconds(Int64(seconds)) + margin
            return try await reservation(.reserveWithTimeout(seconds: seconds), timeout: timeout)
        } catch {
            if error.code == .timedOut { return nil }
            throw error
        }
    }

    /// Reserves one job, whatever its tube and whether it is ready, delayed or buried. Answers at once.
    ///
    /// - Throws: `notFound` (also where somebody holds the job), `unknownCommand` (servers before 1.12), `transport`.
    public func reserveJob(
        _ id: BeanstalkJobID, generation: ConnectionGeneration? = nil, timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) -> Reservation {
        try await reservation(.reserveJob(id), generation: generation, timeout: timeout)
    }

    private func reservation(
        _ command: BeanstalkCommand, generation: ConnectionGeneration? = nil, timeout: Duration?
    ) async throws(BeanstalkError) -> Reservation {
        let (reply, generation) = try await reply(to: command, generation: generation, timeout: timeout)
        guard case .reserved(let id, let body) = reply else {
            throw BeanstalkError(reply, address: address, jobID: command.jobID)
        }
        return Reservation(id: id, body: body, generation: generation)
    }

    /// Removes a job that this connection holds, or that nobody does.
    ///
    /// - Throws: `notFound`, `internalError` (removed, but the binlog could not be written), `transport`.
    public func delete(
        _ id: BeanstalkJobID, generation: ConnectionGeneration? = nil, timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) {
        try await run(.delete(id), generation: generation, timeout: timeout) { $0 == .deleted ? () : nil }
    }

    /// Gives back a job that this connection holds.
    ///
    /// - Parameter priority: its priority from now on.
    /// - Parameter delay: seconds until it is ready again. 0 writes nothing to the server's binlog.
    /// - Throws: `notFound`, `buried` (no memory to queue it), `outOfMemory`, `transport`.
    public func release(
        _ id: BeanstalkJobID, priority: UInt32, delay: UInt32, generation: ConnectionGeneration? = nil,
        timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) {
        let command = BeanstalkCommand.release(id, priority: priority, delay: delay)
        try await run(command, generation: generation, timeout: timeout) { reply throws(BeanstalkError) in
            switch reply {
            case .released: return ()
            case .buried(nil): throw BeanstalkError(.buried, mayHaveBeenSent: true, jobID: id)
            default: return nil
            }
        }
    }

    /// Puts a job that this connection holds aside until it is kicked.
    ///
    /// - Throws: `notFound`, `internalError` (no room in the binlog), `transport`.
    public func bury(
        _ id: BeanstalkJobID, priority: UInt32, generation: ConnectionGeneration? = nil,
        timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) {
        try await run(.bury(id, priority: priority), generation: generation, timeout: timeout) {
            $0 == .buried(nil) ? () : nil
        }
    }

    /// Starts the time to run of a job that this connection holds afresh.
    ///
    /// - Throws: `notFound`, `transport`.
    public func touch(
        _ id: BeanstalkJobID, generation: ConnectionGeneration? = nil, timeout: Duration? = .seconds(5)
    ) async throws(BeanstalkError) {
        try await run(.touch(id), generation: generation, timeout: timeout) { $0 == .touched ? () : nil }
    }

    /// Lets jobs of one more tube be reserved, until this connection ends.
    ///
    /// - Returns: how many tubes are watched now.
    /// - Throws: `outOfMemory`, `transport`.
    @discardableResult
    public func watch(_ tube: TubeName, timeout: Duration? = .seconds(5)) async throws(BeanstalkError) -> UInt32 {
        try await run(.watch(tube), timeout: timeout) { if case .watching(let count) = $0 { count } else { nil } }
    }

    /// Lets jobs of a tube no longer be reserved, until this connection ends.
    ///
    /// - Returns: how many tubes are watched now.
    /// - Throws: `notIgnored` (it is the only one), `transport`.
    @discardableResult
    public func ignore(_ tube: TubeName, timeout: Duration? = .seconds(5)) async throws(BeanstalkError) -> UInt32 {
        try await run(.ignore(tube), timeout: timeout) { if case .watching(let count) = $0 { count } else { nil } }
    }
}
