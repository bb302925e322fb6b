import DelayQueue

extension World {
    /// The trouble is over: all servers are up, all processes run, and what fails from now on fails for no reason.
    func heal() {
        note("all is well from here")
        isHealed = true
        ledgerIsBack()
        for gate in gates { gate.recover() }
        for index in failuresLeft.indices { failuresLeft[index] = 0 }
        resumeQueue()
        lookAfterJobs()
        callersWaiting += 1
        after(6_000_000) { [unowned self] in
            callersWaiting -= 1
            callThatSucceeds()
        }
    }

    /// Goes on: a job given up after the last fault must not stay dead for ever, or its end could not be judged.
    private func lookAfterJobs() {
        kickAll()
        replayAll()
        after(10_000_000) { [unowned self] in lookAfterJobs() }
    }

    var hasEnded: Bool {
        // What was sent before a connection broke may still arrive.
        guard now > healsAt + 3_000_000, callsUnderway + callersWaiting == 0, producer?.isQuiet ?? true,
            nodes.allSatisfy({ $0.jobs.allSatisfy { $0.origin.job == nil } })
        else { return false }
        return judge.jobs.indices.allSatisfy { judge.hasEnded($0, copies: 0) }
    }

    func judgeEnd() {
        guard judge.violation == nil else { return }
        if callsUnderway > 0 { judge.fail("\(callsUnderway) calls of producers never ended") }
        for job in judge.jobs.indices {
            if let loss = judge.loss(of: job, copies: copiesLeft(of: job)) { judge.fail(loss) }
        }
        if let foreignLeft, nodes.reduce(0, { $0 + $1.jobs.count { $0.origin.job == nil } }) < foreignLeft {
            judge.fail("a record nobody here wrote was deleted")
        }
        for consumer in consumers where !consumer.isAtRest {
            judge.fail("consumer \(consumer.index) holds \(consumer.core.heldCopies) copies of jobs that are all done")
        }
        let onBoard = ledger.consumersOnBoard
        for consumer in consumers
        where consumer.isAlive && consumer.isGoneForGood && onBoard.contains(consumer.core.settings.id) {
            judge.fail("consumer \(consumer.index) has ended in order, and is still on the queue's board")
        }
        // Of revoked jobs they last from the date on, by the ledger's clock.
        let lag = max(0, now - ledger.clock.time(now)) + (options.clocks.isLedgerWrong ? 200_000_000 : 0)
        let limit = now + WorldOptions.timing.retention.wholeMicroseconds + WorldOptions.troubleLasts + lag
        if ledger.lastExpiry > limit {
            judge.fail("a record of a finished job lasts \(ledger.lastExpiry - now) µs from the end of all jobs on")
        }
    }
}
