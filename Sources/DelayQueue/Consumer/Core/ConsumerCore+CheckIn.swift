import DequeModule

// A consumer checks in with the ledger when it starts and then each second, in one request: it tells of itself, and is told
// the time and whether the queue is paused. While the ledger is away the same request finds out whether it is back. When
// the consumer has ended in order it checks out, so that one which is silent has died, stands still or is cut off.
//
// A pause is one more reason to take nothing, beside a drain and a suspect's turn. What runs goes on; what was fetched is
// handed on; a grant that was under way is given back. Nothing is taken before the first answer either, or a process that
// starts would run jobs of a paused queue.
extension ConsumerCore {
    /// Whether new jobs are taken.
    var isTaking: Bool { mayBegin && !isRunningAlone }

    /// Whether any job is begun here, a suspect that is to run alone included.
    var mayBegin: Bool { !isDraining && pauseEnd == nil && !isAwaitingWord }

    /// Of how many check-ins the pace of completions is reckoned.
    private static let paceLength = 10

    // MARK: Checking in

    /// Checks in at once, unless the answer to a check-in is awaited: then as soon as that has come.
    package mutating func checkIn(now: Moment) {
        guard !isCheckingIn else {
            mustCheckInAgain = true
            return
        }
        isCheckingIn = true
        mustCheckInAgain = false
        nextCheckIn = nil
        ledgerCalls.append(
            LedgerCall(
                job: HeldJobID(0), key: LedgerKey(boardOf: settings.queue),
                operation: .board(.checkIn(presence(now: now), isFirst: !isOnBoard))))
    }

    /// What only the engine knows of the application.
    ///
    /// - Parameters:
    ///   - limit: how many tasks take jobs.
    ///   - waiting: how many delivered jobs no task has taken yet.
    package mutating func setLoad(limit: Int, waiting: Int) {
        load = (limit, waiting)
    }

    private mutating func presence(now: Moment) -> ConsumerPresence {
        let began = beganAt ?? now.uptime
        beganAt = began
        let before = completions.first ?? (began, 0)
        completions.append((now.uptime, completed))
        if completions.count > Self.paceLength { completions.removeFirst() }
        let busy = max(0, jobsInHand + settlementsUnderway - load.waiting)
        let elapsed = now.uptime.microseconds(since: before.at)
        return ConsumerPresence(
            id: settings.id, process: settings.name, version: PackageVersion.current, state: state, busy: busy,
            limit: max(load.limit, busy), done: completed,
            perMinute: elapsed > 0 ? Int(Int64(completed - before.count) * 60_000_000 / elapsed) : 0,
            age: now.uptime - began, skew: clock.skew(at: now), interval: settings.checkInInterval)
    }

    private var state: ConsumerPresence.State {
        isDraining ? .ending : pauseEnd != nil ? .paused : isRunningAlone ? .alone : .taking
    }

    mutating func checkInAnswered(_ result: Result<LedgerReply, DelayQueueError>, sentAt: Moment, now: Moment) {
        isCheckingIn = false
        let isAnswering: Bool
        switch result {
        case .success:
            isAnswering = true
            isOnBoard = true
            isCheckInRefused = false
        case .failure(let error):
            isAnswering = false
            if !error.isRetriable {
                // A board that nobody can read does not stop the queue.
                isAwaitingWord = false
                // Of a misconfigured ledger the stream tells, and whoever cancels or closes knows that.
                let isToldOtherwise = [.cancelled, .closed, .ledgerMisconfigured].contains(error.code)
                if !isCheckInRefused, !isToldOtherwise {
                    isCheckInRefused = true
                    effects.append(.warning(.checkInRefused, nil, node: nil, error))
                }
            }
        }
        let next =
            isAnswering || !isLedgerAway ? sentAt.uptime + settings.checkInInterval : now.uptime + ledgerRetryDelay
        nextCheckIn = mustCheckInAgain ? now.uptime : min(nextCheckIn ?? next, next)
        mustCheckInAgain = false
        ledgerProbed(isAnswering: isAnswering, now: now)
    }

    /// The instant of the next check-in; nil where one is under way, or where none is to come.
    var checkInDue: Uptime? {
        guard !isCheckingIn, !isDraining || isLedgerThere && !isAtRest else { return nil }
        return nextCheckIn
    }

    // MARK: Checking out

    /// All has ended, and the ledger is to be told so, if it is there.
    var mustCheckOut: Bool {
        isDraining && isOnBoard && isLedgerThere && !isCheckingIn && !isCheckingOut && isAtRest
    }

    private var isLedgerThere: Bool { !isLedgerAway || isLedgerAnswering }

    /// Whether the ledger is still to learn that nobody is there any more.
    var isLeaving: Bool { isDraining && isCheckingIn || isCheckingOut || mustCheckOut }

    mutating func checkOutIfDue() {
        guard mustCheckOut else { return }
        isCheckingOut = true
        ledgerCalls.append(
            LedgerCall(
                job: HeldJobID(0), key: LedgerKey(boardOf: settings.queue), operation: .board(.checkOut(settings.id))))
    }

    /// It is tried once: what is left on the board without an end in order is told of as silent, and goes in time.
    mutating func checkOutAnswered() {
        isCheckingOut = false
        isOnBoard = false
    }

    // MARK: Pausing

    /// - Parameters:
    ///   - end: of the pause; nil where there is none.
    ///   - time: what the ledger's clock showed when it said so.
    mutating func told(pausedUntil end: Timestamp?, at time: Timestamp, now: Moment) {
        isAwaitingWord = false
        guard let end, end > time else {
            resumeTaking(now: now)
            return
        }
        let wasPaused = pauseEnd != nil
        // Reckoned from the answer's arrival: late by its way here, and never early.
        pauseEnd = end == .latest ? .distantFuture : now.uptime + time.duration(to: end)
        guard !wasPaused else { return }
        effects.append(.recall)
        effects.append(.paused(true))
        showState(now: now)
        handOn(now: now)
        runSuspect(now: now)
    }

    /// Who paused the queue, or resumed it, is to see at once that consumers know.
    private mutating func showState(now: Moment) {
        if isCheckingIn { mustCheckInAgain = true } else { nextCheckIn = now.uptime }
    }

    mutating func endPauseIfOver(now: Moment) {
        if let end = pauseEnd, end <= now.uptime { resumeTaking(now: now) }
    }

    private mutating func resumeTaking(now: Moment) {
        guard pauseEnd != nil else { return }
        pauseEnd = nil
        effects.append(.paused(false))
        showState(now: now)
    }
}
