public import DelayQueue
public import Foundation

/// What makes two jobs of a type the same one.
public struct JobUniqueness: Sendable, Hashable {
    let key: String
    let window: Duration

    /// - Parameters:
    ///   - key: 1 to 60 visible ASCII characters without spaces: an address, an order's number.
    ///   - window: for how long; windows begin at whole multiples of their length since 1970-01-01T00:00:00Z, by the
    ///     ledger's clock at the time of the call, so that all processes agree on them. A second at least, and at most as
    ///     long as the ledger remembers finished jobs (``DelayQueue/LedgerTiming/retentionOfUnknownCopies``, a day unless
    ///     the queue says otherwise).
    public static func key(_ key: String, within window: Duration) -> JobUniqueness {
        JobUniqueness(key: key, window: window)
    }

    /// - Throws: `invalidOption`, `invalidJobID`.
    func id(of type: String, at date: Date, memory: Duration) throws(DelayQueueError) -> JobID {
        guard (1...60).contains(key.utf8.count) else {
            throw DelayQueueError(
                .invalidOption, "the unique key \(key.debugDescription) must have 1 to 60 bytes")
        }
        guard window >= .seconds(1), window <= memory else {
            throw DelayQueueError(
                .invalidOption,
                "the window of a unique key is \(window); it must be a second to \(memory), for which the ledger remembers "
                    + "jobs that ran: timing.retentionOfUnknownCopies")
        }
        let number = (date.timeIntervalSince1970 / (window / .seconds(1))).rounded(.down)
        return try JobID("\(type)/\(key)@\(Int64(number))")
    }
}

/// What came of scheduling a job that is to be the only one of its kind.
public enum UniqueScheduling: Sendable, Hashable {
    case scheduled(Receipt)
    /// A job of the same key was scheduled in the same window: it waits, runs or has run, or was given up or revoked.
    case duplicate(of: JobID)
}

extension JobQueue {
    /// Schedules a job for an instant, unless one with the same key was in the same window.
    ///
    /// The first call counts, whatever the others say.
    ///
    /// - Throws: as ``schedule(_:at:options:)``; `invalidOption` for a bad key or window, or where the options name an id.
    @discardableResult
    public func schedule<J: TypedJob>(
        _ job: J, at date: Date, unique: JobUniqueness, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> UniqueScheduling {
        let options = try await identified(options, J.self, unique)
        return try await once(options.id) { () throws(DelayQueueError) in
            try await schedule(job, at: date, options: options)
        }
    }

    /// Schedules a job for some time from now, unless one with the same key was in the same window.
    @discardableResult
    public func schedule<J: TypedJob>(
        _ job: J, after delay: Duration, unique: JobUniqueness, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> UniqueScheduling {
        let options = try await identified(options, J.self, unique)
        return try await once(options.id) { () throws(DelayQueueError) in
            try await schedule(job, after: delay, options: options)
        }
    }

    private func identified<J: TypedJob>(
        _ options: JobOptions, _ type: J.Type, _ unique: JobUniqueness
    ) async throws(DelayQueueError) -> JobOptions {
        guard options.id == nil, options.idConflict == .refuse else {
            throw DelayQueueError(.invalidOption, "a unique job's id is made of its key; leave id and idConflict out")
        }
        var options = options
        await producer.settleTime()
        options.id = try unique.id(
            of: J.jobName, at: producer.now, memory: configuration.timing.retentionOfUnknownCopies)
        return options
    }

    private func once(
        _ id: JobID?, _ schedule: () async throws(DelayQueueError) -> Receipt
    ) async throws(DelayQueueError) -> UniqueScheduling {
        do {
            let receipt = try await schedule()
            return receipt.wasScheduledBefore ? .duplicate(of: receipt.jobID) : .scheduled(receipt)
        } catch  where error.code == .idTaken || error.code == .jobFinished {
            guard let id else { throw error }
            return .duplicate(of: id)
        }
    }

    /// Moves a job with an id of your own that waits to another date, nearer or farther. Where no job has the id, it is
    /// scheduled.
    ///
    /// The job is written anew, in place of the one that had the id, so it is given again; it may be another value.
    ///
    /// - Returns: a receipt of the job as it is now.
    /// - Throws: as scheduling does: `idTaken` where it runs at the moment, `jobFinished` where it is over.
    @discardableResult
    public func move<J: TypedJob>(
        _ job: J, id: JobID, to date: Date, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        var options = options
        options.id = id
        options.idConflict = .replace
        return try await schedule(job, at: date, options: options)
    }
}
