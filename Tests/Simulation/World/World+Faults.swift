import DelayQueue

extension World {
    func scheduleFaults() {
        let kinds: [Fault] = [
            .consumerCrash, .consumerCrash, .consumerPause, .consumerPause, .consumerStop, .clockJump, .producerCrash,
            .producerPause, .producerClose, .nodeCrash, .nodeCrash, .nodeHang, .nodeHang, .cut, .cut, .ledgerAway,
            .ledgerHang, .kick, .replay, .drop, .repair, .repair, .fleetKill, .cutOff, .queuePause, .queuePause,
        ]
        for _ in 0..<options.faults {
            let kind = kinds[random.below(kinds.count)]
            let duration = random.outage()
            let which = random.below(1 << 16)
            // Half of the crashes and pauses come at a step of the process, wherever it happens to be then.
            if kind == .consumerCrash || kind == .consumerPause, random.chance(2) {
                consumers[which % consumers.count].troubleAtTurn =
                    (1 + random.below(60), kind == .consumerCrash, duration)
                continue
            }
            let at = options.consumersStartAfter * Int64(random.below(2)) + random.time(50_000_000)
            after(at) { [unowned self] in happen(kind, which: which, duration: duration) }
        }
        if options.clocks.isLedgerWrong {
            for _ in 0..<random.below(3) {
                after(options.consumersStartAfter + random.time(45_000_000)) { [unowned self] in
                    happen(.ledgerClockStep, which: 0, duration: 0)
                }
            }
        }
        if options.ledgerForgets {
            after(random.time(45_000_000)) { [unowned self] in happen(.ledgerWipe, which: 0, duration: 0) }
            for _ in 0..<random.below(4) {
                let loss = random.time(2_000_000)
                after(random.time(45_000_000)) { [unowned self] in
                    happen(.ledgerLoss, which: 0, duration: loss)
                }
            }
        }
    }

    private func happen(_ fault: Fault, which: Int, duration: Int64) {
        guard !isHealed else { return }
        let duration = min(duration, healsAt - now)
        switch fault {
        case .consumerCrash: consumers[which % consumers.count].crash(for: duration)
        case .consumerPause: consumers[which % consumers.count].pause(for: duration)
        case .consumerStop: consumers[which % consumers.count].restart(within: duration)
        case .clockJump:
            count(.clockJump)
            consumers[which % consumers.count].setClock(
                ahead: options.clocks.areConsumersWrong && random.chance(2)
                    ? options.wrongConsumerClock(using: &random) : random.time(2_000_000) - 1_000_000)
        case .producerCrash: producer?.crash(for: duration)
        case .producerClose: producer?.close(within: min(duration, 5_000_000))
        case .producerPause: producer?.pause(for: duration)
        case .nodeCrash: crashNode(which, for: duration)
        case .nodeHang: gates[which % gates.count].hang(for: duration)
        case .cut:
            count(.cut)
            let node = which / 8 % nodes.count
            let consumer = consumers[which % consumers.count]
            switch which % 4 {
            case 0: producer?.cut(node)
            case 1: consumer.cut(link: node + nodes.count * random.below(2))
            default: consumer.cut(node)
            }
        case .fleetKill:
            count(.fleetKill)
            for consumer in consumers { consumer.crash(for: random.time(3_000_000)) }
        case .cutOff: consumers[which % consumers.count].cutOff(isSilent: which % 2 == 0, for: duration)
        case .ledgerAway:
            guard ledger.isUp, !ledger.isHung else { return }
            count(.ledgerAway)
            note("ledger is away")
            ledger.isUp = false
            after(duration) { [unowned self] in ledgerIsBack() }
        case .ledgerHang:
            guard ledger.isUp, !ledger.isHung else { return }
            count(.ledgerHang)
            note("ledger hangs")
            ledger.isHung = true
            // Requests outlast a hang, and records outlast requests: the grace is longer.
            after(min(duration, 9_000_000)) { [unowned self] in ledgerIsBack() }
        case .ledgerWipe:
            count(.ledgerWipe)
            note("ledger is back, empty")
            for job in ledger.wipe(now: now) { judge.wiped(job) }
            judge.wipedTurn(now: now)
            judge.forgotPause()
        case .ledgerLoss:
            count(.ledgerLoss)
            note("another ledger takes over, without the latest writes")
            for job in ledger.loseWrites(since: now - duration % 2_000_000) { judge.wiped(job) }
            judge.wipedTurn(now: now)
            judge.forgotPause()
        case .ledgerClockStep:
            count(.ledgerClockStep)
            let step = random.time(200_000_000) - 100_000_000
            note("the ledger's clock is set by \(step) µs")
            for job in ledger.stepClock(by: step, now: now) { judge.ledgerClockStepped(job) }
            judge.wipedTurn(now: now)
            judge.forgotPause()
        case .kick:
            count(.kick)
            kickAll()
        case .replay: replayAll()
        case .drop: drop(which)
        case .repair: repair(which)
        case .queuePause: pauseQueue(for: duration, isEndless: which % 2 == 0)
        case .clockDisagreement, .callCancelled, .gathering, .lateAnswer, .revocation, .replyLost, .leadLost,
            .copyAdded, .idRefused, .idReplaced, .idSame, .idRevoked, .deleteByName, .fetch, .fetchAhead, .poison,
            .endedLease, .suspect, .endedAlone, .oversized, .noRoom, .queueResume, .operatorKilled, .heldByPause:
            break
        }
    }

    /// Every other time the one that loses data dies, if there is one; then more jobs come, to meet its new numbers.
    private func crashNode(_ which: Int, for duration: Int64) {
        if let forgetful = gates.first(where: { $0.server.log == .none }), forgetful.server.isUp, which % 2 == 0 {
            // Often it is back before anybody has noticed.
            let duration = random.chance(2) ? random.time(300_000) : duration
            forgetful.crash(for: duration)
            for _ in 0..<3 { after(duration + random.time(1_000_000)) { [unowned self] in firstCall() } }
        } else {
            gates[which / 2 % gates.count].crash(for: duration)
        }
    }

    func ledgerIsBack() {
        guard !ledger.isUp || ledger.isHung else { return }
        note("ledger is back")
        ledger.isUp = true
        ledger.isHung = false
        let inbox = ledger.inbox
        ledger.inbox = []
        for request in inbox { request() }
    }

    func count(_ operation: LedgerRequest.Operation, _ reply: LedgerReply) {
        switch (operation, reply) {
        case (.claim, .ended(_, let failures)): count(failures.endedAlone > 0 ? .endedAlone : .endedLease)
        case (.claim, .suspect): count(.suspect)
        case (.confirm(_, isReplacing: true), .confirmed): count(.idReplaced)
        default: break
        }
    }

    func count(_ fault: Fault) {
        faults[fault] += 1
    }
}
