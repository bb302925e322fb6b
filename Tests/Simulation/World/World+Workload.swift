import Beanstalk
import DelayQueue
import NIOCore

extension World {
    func scheduleCalls() {
        for _ in 0..<options.calls {
            let at = random.time(35_000_000)
            after(at) { [unowned self] in firstCall() }
        }
        if options.hasForeignRecord {
            foreignLeft = 1
            // It may be more than is read.
            let length = options.shareOfNode != nil && random.chance(2) ? WorldOptions.maximumRecordSize + 1 : 20
            _ = nodes[random.below(nodes.count)].put(
                ByteBuffer(repeating: UInt8(ascii: "x"), count: length), priority: 0, delay: 0, timeToRun: 10_000_000,
                origin: SimulatedNode.Origin(job: nil), now: now)
        }
    }

    /// A caller schedules a job, or some; now and then several callers come in the same moment.
    func firstCall() {
        for _ in 0..<(random.chance(4) ? 2 + random.below(3) : 1) {
            let count = random.chance(4) ? 2 + random.below(2) : 1
            let format = random.below(8)
            let jobs = (0..<count).map { _ in makeJob(isOwnID: format < 2, isGoQueue: format == 2) }
            call(jobs, tries: 0)
            if format < 2, options.producerHasLedger, random.chance(2) { rivals(of: jobs[0]) }
        }
    }

    /// Others schedule a job under the same id: the same one again, another one, or one in its place; or take it back.
    private func rivals(of job: ScheduledJob) {
        for _ in 0..<(1 + random.below(3)) {
            let at = random.chance(3) ? random.time(20_000) : random.time(15_000_000)
            let kind = random.below(6)
            after(at) { [unowned self] in
                guard !isHealed else { return }
                switch kind {
                case 0: revoke(job)
                case 1: call([rewritten(job)], tries: 0)
                default: call([rewritten(job, fire: now + random.time(15_000_000), isReplacing: kind > 2)], tries: 0)
                }
            }
        }
    }

    private func revoke(_ job: ScheduledJob) {
        guard let producer, producer.isAlive else { return }
        count(.idRevoked)
        callsUnderway += 1
        producer.revoke(job.job.id)
    }

    /// With all well, a new job is accepted, whatever producers remember of the trouble.
    func callThatSucceeds() {
        let job = makeJob(isOwnID: false, isGoQueue: false)
        mustBeAccepted = job.number
        call([job], tries: 0)
    }

    private func makeJob(isOwnID: Bool, isGoQueue: Bool) -> ScheduledJob {
        let fire = now + (random.chance(3) ? random.time(20_000_000) : random.time(3_000_000))
        let fireTime = Timestamp(microseconds: fire)
        let name = "job-\(judge.jobs.count)"
        if isOwnID, options.producerHasLedger { return makeEdition(JobID(unchecked: name), fire: fire) }
        let job: PreparedJob
        if isGoQueue {
            let bytes = GoQueueRecord.encode(fireTime: fireTime, body: ByteBuffer(string: name))
            job = PreparedJob(
                id: GoQueueRecord.id(of: bytes), isOwnID: false, fireTime: fireTime,
                timeToRun: GoQueueRecord.timeToRun, priority: GoQueueRecord.priority, bodySize: name.utf8.count,
                record: .goQueue(bytes, wait: .microseconds(fire - now)))
        } else {
            let id = JobID(unchecked: name)
            let priority = DuePriority.encode(fireTime: fireTime, priority: .normal)
            job = PreparedJob(
                id: id, isOwnID: isOwnID, fireTime: fireTime, timeToRun: 10, priority: priority, bodySize: 0,
                record: .native(
                    EnvelopeTemplate(
                        id: id, fireTime: fireTime, timeToRun: 10, priority: priority, headers: [:],
                        body: ByteBuffer())))
        }
        return add(job, name: name, fire: fire)
    }

    /// The same job as before, written anew; or another one under its id.
    func rewritten(_ job: ScheduledJob, fire: Int64? = nil, isReplacing: Bool? = nil) -> ScheduledJob {
        makeEdition(
            job.job.id, fire: fire ?? job.job.fireTime.microseconds,
            isReplacing: isReplacing ?? job.job.registration?.isReplacing ?? false)
    }

    private func makeEdition(_ id: JobID, fire: Int64, isReplacing: Bool = false) -> ScheduledJob {
        let fireTime = Timestamp(microseconds: fire)
        let edition = JobEdition(random.next())
        let registration = PreparedJob.Registration(
            JobContent(date: fireTime, digest: "\(fire)"), edition: edition, isReplacing: isReplacing)
        let priority = DuePriority.encode(fireTime: fireTime, priority: .normal)
        let job = PreparedJob(
            id: id, isOwnID: true, registration: registration, fireTime: fireTime, timeToRun: 10, priority: priority,
            bodySize: 0,
            record: .native(
                EnvelopeTemplate(
                    id: id, fireTime: fireTime, edition: edition, timeToRun: 10, priority: priority, headers: [:],
                    body: ByteBuffer())))
        return add(job, name: "\(id) edition \(judge.jobs.count)", fire: fire)
    }

    private func add(_ job: PreparedJob, name: String, fire: Int64) -> ScheduledJob {
        let number = judge.add(name, fireTime: fire, id: job.registration == nil ? nil : job.id)
        if poisonLeft > 0, !isHealed, random.chance(4) {
            poisonLeft -= 1
            judge.jobs[number].isPoison = true
        }
        failuresLeft.append(random.chance(8) ? 1 + random.below(5) : 0)
        let key =
            job.isNative
            ? LedgerKey(queue: .default, id: job.id, edition: job.registration?.edition) : LedgerKey(goQueue: job.id)
        jobNumbers[key] = number
        ledger.add(key, number: number)
        return ScheduledJob(job: job, number: number)
    }

    /// A caller schedules jobs; now and then it loses patience.
    func call(_ jobs: [ScheduledJob], tries: Int) {
        guard let producer, producer.isAlive else {
            callersWaiting += 1
            after(1_000_000) { [unowned self] in
                callersWaiting -= 1
                call(jobs, tries: tries)
            }
            return
        }
        note("a caller schedules jobs \(jobs.map(\.number))")
        callsUnderway += 1
        let name = producer.call(jobs, tries: tries)
        if !isHealed, random.chance(5) {
            let patience: Int64 = [2, 3_000, 300_000, 3_000_000][random.below(4)]
            after(random.time(patience)) { producer.cancel(name) }
        }
    }

    /// A caller got its receipt; some jobs are taken back later, or at once.
    func accepted(_ receipt: Receipt, job: Int) {
        guard random.chance(5) else { return }
        after(random.chance(4) ? random.time(3_000) : random.time(30_000_000)) { [unowned self] in
            guard let producer, producer.isAlive else { return }
            count(.revocation)
            callsUnderway += 1
            producer.revoke(receipt, job: job)
        }
    }
}
