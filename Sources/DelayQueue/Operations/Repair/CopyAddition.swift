package import Beanstalk

/// Writes one more copy of a job, where one of its copies is missing.
///
/// The ledger is asked first, and makes a record of a job that has none. Then a copy that was found is looked at once
/// more: if it is still there after the ledger's answer, the job is not over, or its record will meet the new copy.
/// Of a job with a generated id the new copy has an index that no copy had by plan, and consumers never make a record for
/// such a copy (see `HeldJob.isOfAddedCopies`): however late it comes, after whatever time out of reach, it runs only
/// where the ledger knows that the job waits. So it is harmless to add a copy of a job that lacks none. Other jobs' copies
/// are not counted, and theirs are like those they have.
package struct CopyAddition: Sendable {
    package enum Outcome: Sendable, Hashable {
        case stored(BeanstalkJobID)
        /// The node said no, and why; or stored it where nobody takes it from, for lack of memory.
        case refused(BeanstalkReply)
        case unknown
    }

    package let key: LedgerKey
    package let fireTime: Timestamp
    /// How many copies its producer planned; 0 where that is not known.
    let copies: Int
    package let source: JobCensus.Copy
    /// Whether the source was planned by the job's producer. Where only added copies are left, a job that has no record may
    /// be over.
    let hasPlannedSource: Bool
    /// The place of the node in the list of all.
    package let target: Int
    let index: Int?
    let role: CopyRole

    // MARK: The ledger

    /// What the ledger is asked first.
    ///
    /// - Parameter owner: made afresh.
    package func question(_ owner: ClaimOwner, timing: LedgerTiming) -> LedgerRequest {
        LedgerRequest(
            key: key, operation: makesRecord ? .record(owner, due: fireTime) : .status, timing: timing)
    }

    /// A job with an id of its own has a record as long as it has copies; and a record under go-queue's key is a lock to
    /// go-queue.
    private var makesRecord: Bool { copies > 0 && key.edition == nil && hasPlannedSource }

    /// Whether the ledger's answer says that the job is not over.
    package func isWanted(after reply: LedgerReply) -> Bool {
        switch reply {
        case .waiting, .held, .scheduled, .finished(.dead): true
        case .absent: !makesRecord && hasPlannedSource
        default: false
        }
    }

    // MARK: The nodes

    /// How old a copy is at least, in seconds, of whose job copies are added. The call that writes a younger one may be
    /// under way: it may write the rest, or take back what it wrote.
    package static let minimumAge = 60

    /// What the source's node is asked then, in one go.
    package var look: [BeanstalkCommand] { [.peek(source.id), .statsJob(source.id)] }

    /// What to send to the target, in one go.
    ///
    /// - Parameters:
    ///   - replies: to ``look``.
    ///   - minimumAge: of the source, in seconds.
    ///   - now: by this machine's clock. Where it is wrong, the copy comes early and is sent back, or late.
    /// - Returns: nothing where the source is gone, was put aside, is too young, or is no copy of the job that proves to
    ///   be a producer's.
    package func commands(
        after replies: [BeanstalkReply], on target: BeanstalkNode, seals: SealPolicy, queue: TubeName, now: Timestamp,
        minimumAge: Int = minimumAge
    ) -> [BeanstalkCommand] {
        guard replies.count == 2, case .found(source.id, let bytes) = replies[0], case .ok(let text) = replies[1],
            let statistics = try? JobStatistics(parsing: text), statistics.age >= minimumAge,
            statistics.state != .buried
        else { return [] }
        let record = JobRecord(parsing: bytes, opening: seals, queue: queue)
        guard let summary = record.summary, summary.name.ledgerKey(queue: queue) == key else { return [] }
        let left = PutDelay.releaseSeconds(until: summary.fireTime, now: now)
        switch record {
        case .native(let envelope):
            guard let index else { return [] }
            let isSealed = if case .sealed = JobRecord(parsing: bytes) { true } else { false }
            guard let template = envelope.template(sealedWith: isSealed ? seals.keyRing : nil, queue: queue) else {
                return []
            }
            var body = ByteBuffer()
            template.write(copy: index, copies: copies, role: role, into: &body)
            let tube = role.isStandby ? target.standbyTube : target.tube
            return [
                .use(tube),
                .put(
                    body,
                    priority: role.isStandby ? DuePriority.ofStandby(envelope.priority) : envelope.priority,
                    delay: role.isStandby ? StandbyDelay.after(left) : left, timeToRun: envelope.timeToRun),
            ]
        case .goQueue:
            // go-queue's own consumers run what they reserve at once.
            let delay = PutDelay.secondsRoundedUp(now.duration(to: summary.fireTime))
            return [
                .use(target.tube),
                .put(
                    bytes, priority: GoQueueRecord.priority, delay: delay, timeToRun: GoQueueRecord.timeToRun),
            ]
        case .sealed, .foreign, .unverified: return []
        }
    }

    /// - Parameter replies: to the commands; fewer where the connection was lost.
    package func outcome(of replies: [BeanstalkReply]) -> Outcome {
        switch replies.dropFirst().first {
        case .inserted(let id)?: .stored(id)
        case let reply?: .refused(reply)
        case nil: .unknown
        }
    }
}

extension Envelope {
    /// For another copy of the same job.
    ///
    /// - Returns: nil where it cannot be sealed.
    fileprivate func template(sealedWith keyRing: KeyRing?, queue: TubeName) -> EnvelopeTemplate? {
        guard let keyRing else {
            return EnvelopeTemplate(
                id: id, fireTime: fireTime, edition: edition, timeToRun: timeToRun, priority: priority,
                headers: headers, body: body)
        }
        return try? EnvelopeTemplate(
            id: id, fireTime: fireTime, edition: edition, timeToRun: timeToRun, priority: priority, headers: headers,
            body: body, sealedWith: keyRing, queue: queue)
    }
}
