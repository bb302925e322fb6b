import HeapModule

extension ConsumerCore {
    /// How often reservations and leases are looked at: often enough for the shortest lease and time to run.
    var heartbeatInterval: Duration { min(.seconds(1), settings.lease / 6) }

    /// Whatever is due by now: held jobs, parked copies, heartbeats.
    package mutating func tick(now: Moment) {
        let time = clock.time(now)
        while let next = dueHeap.min, next.due <= time {
            dueHeap.removeMin()
            claimIfDue(next.job, now: now)
        }
        while let alarm = alarms.min, alarm.at <= now.uptime {
            alarms.removeMin()
            guard jobs[alarm.job]?.alarmAt == alarm.at else { continue }
            jobs[alarm.job]?.alarmAt = nil
            wake(alarm.job, now: now)
        }
        if let at = forgetsAt, at <= now.uptime { sendForgets() }
        endRests(now: now)
        look(now: now)
        endPauseIfOver(now: now)
        if let due = checkInDue, due <= now.uptime { checkIn(now: now) }
        if let heartbeat = nextHeartbeat, heartbeat <= now.uptime {
            let interval = beat(now: now)
            dropExpired(now.uptime, now: now)
            nextHeartbeat = jobs.isEmpty && finishedJobs.isEmpty ? nil : now.uptime + interval
        }
    }

    /// How long until ``tick(now:)`` has something to do; nil where that is never.
    package func timeUntilTick(now: Moment) -> Duration? {
        var wait: Duration?
        if let next = dueHeap.min { wait = max(clock.time(now).duration(to: next.due), .zero) }
        let endOfPause = pauseEnd == .distantFuture || isDraining ? nil : pauseEnd
        let times = [alarms.min?.at, nextHeartbeat, checkInDue, endOfPause, forgetsAt, nextEndOfRest, nextLook()]
        for at in times.compactMap({ $0 }) {
            let until = max(at - now.uptime, .zero)
            wait = wait.map { min($0, until) } ?? until
        }
        return wait
    }

    /// Has a job looked at after a while, if it waits for the same thing then.
    mutating func setAlarm(_ id: HeldJobID, after delay: Duration, now: Moment) {
        let at = now.uptime + delay
        jobs[id]?.alarmAt = at
        alarms.insert(Alarm(at: at, job: id))
    }

    private mutating func wake(_ id: HeldJobID, now: Moment) {
        guard let job = jobs[id] else { return }
        switch job.phase {
        case .parked where solo?.job == id:
            askAgain(id, now: now)
        case .parked:
            jobs.enter(.holding, id)
            if job.due > clock.time(now) {
                // The clock was set back.
                dueHeap.insert(DueJob(due: job.due, job: id))
            } else {
                claimIfDue(id, now: now)
            }
        case .settling:
            askSettle(id, now: now)
        case .holding:
            giveUpQueued(id)
        default:
            break
        }
    }

    /// How often a reservation is looked at. A stranger's may last for a second only.
    func heartbeatInterval(for copy: HeldCopy) -> Duration {
        min(heartbeatInterval, max(.microseconds(copy.timeToRun) / 4, .milliseconds(250)))
    }

    /// Touches reservations past half their time to run, renews claims past a third of their lease.
    ///
    /// - Returns: when to look again.
    private mutating func beat(now: Moment) -> Duration {
        if isCutOff(now), !isLedgerAnswering { letGo(now: now) }
        renewTurn(now: now)
        var interval = heartbeatInterval
        for (id, job) in jobs {
            for (index, copy) in job.copies.enumerated() {
                let ownInterval = heartbeatInterval(for: copy)
                interval = min(interval, ownInterval)
                guard let confirmedAt = copy.confirmedAt, !copy.isTouching else { continue }
                let halfABeat = ownInterval.wholeMicroseconds / 2
                if now.uptime.microseconds(since: confirmedAt) >= copy.timeToRun / 2 - halfABeat {
                    touch(copyAt: index, of: id)
                }
            }
            guard let claim = job.claimInHand, !job.isForeign else { continue }
            if now.uptime >= claim.leaseEnd, !claim.isReportedLost {
                // No confirmation arrived in time: another owner may have the job by now.
                effects.append(.leaseLost(id))
                job.changeClaim {
                    $0.isReportedLost = true
                    $0.gaveCopiesBack = true
                }
                // Whoever can reach the ledger must be able to reserve the job: its copies go back, the run goes on,
                // and may still complete if nobody takes over.
                releaseCopies(of: id)
            }
            if now.uptime >= claim.renewAt, !claim.isRenewing {
                job.changeClaim { $0.isRenewing = true }
                ask(
                    .renew(
                        claim.owner, attempt: claim.attempt,
                        recreatingWith: now.uptime < claim.leaseEnd ? claim.failures : nil), id)
            }
        }
        return interval
    }
}
