import DelayQueue

extension SimulatedConsumer {
    func perform(_ effects: [ConsumerCore.Effect]) {
        for effect in effects {
            switch effect {
            case .deliver(let id, let record, let attempt, let failures):
                guard let job = world.number(of: record.record) else {
                    world.judge.fail("\(record.id) was never scheduled")
                    continue
                }
                deliver(id, Run(job: job, attempt: attempt, failures: failures))
            case .settled(let id, let settlement, _, let error):
                settled(id, settlement, error)
            case .leaseLost(let id):
                guard let run = runs[id] else { continue }
                world.judge.toldLeaseLost(run.job, attempt: run.attempt, consumer: identity)
            case .lateJob(let key, _, let policy):
                guard let job = world.jobNumbers[key] else { continue }
                world.judge.calledLate(job, clock: latestReading, ledgerClock: world.ledger.latestReading(world.now))
                if policy == .discard { world.judge.discarded(job) }
            case .clocks(let change):
                world.count(.clockDisagreement)
                world.note("consumer \(index): clocks \(change)")
            case .paused(let isPaused):
                if isPaused { world.count(.heldByPause) }
                world.note("consumer \(index) is \(isPaused ? "paused" : "not paused any more")")
            case .recall, .buried, .foreignJob, .unverifiedJob, .oversizedJob, .duplicateCopy, .misconfigured, .warning,
                .timeTold:
                break
            }
        }
    }

    private func deliver(_ id: HeldJobID, _ run: Run) {
        world.deliveries += 1
        world.note("consumer \(index) runs job \(run.job) attempt \(run.attempt)")
        for (consumer, attempt) in world.judge.runsUnaware(run.job, since: world.now - 3_000_000) {
            guard world.consumers.contains(where: { $0.identity == consumer && $0.isAwake(for: 3_000_000) }) else {
                continue
            }
            world.judge.fail(
                "attempt \(attempt) of job \(run.job) runs on beside attempt \(run.attempt), and was not told")
        }
        world.judge.delivered(
            run.job, attempt: run.attempt, to: identity, clock: latestReading,
            ledgerClock: world.ledger.latestReading(world.now), now: world.now)
        runs[id] = run
        let work =
            world.random.chance(7)
            ? world.random.time(15_000_000) : world.random.time(world.options.isBusy ? 5_000_000 : 20_000)
        if world.judge.endsProcess(run.job) {
            world.after(work / 8) { [self] in crash(for: world.random.time(2_000_000), by: run.job) }
            return
        }
        let settlement = settlement(of: run)
        world.after(work) { [self] in
            act { [self] in
                world.judge.ended(run.job, attempt: run.attempt, consumer: identity)
                if world.options.isAtMostOnce {
                    runs[id] = nil
                    turn()
                } else {
                    settle(id, settlement)
                }
            }
        }
    }

    /// What the application does with a job: some fail several times, some by chance.
    private func settlement(of run: Run) -> Settlement {
        if world.isHealed { return .complete }
        if world.failuresLeft[run.job] > 0 {
            world.failuresLeft[run.job] -= 1
            let chance = Double(world.random.below(1000)) / 1000
            guard let delay = retryPolicy.delay(afterFailures: run.failures.errors + 1, chance: chance) else {
                return .retry(after: .zero)
            }
            return .retry(after: delay)
        }
        return switch world.random.below(16) {
        case 0: .retry(after: .milliseconds(world.random.below(5_000)))
        case 1: .giveBack(after: world.random.chance(2) ? .zero : .milliseconds(world.random.below(5_000)))
        case 2: .bury(reason: "chance")
        default: .complete
        }
    }

    private func settle(_ id: HeldJobID, _ settlement: Settlement) {
        guard runs[id] != nil else { return }
        setDemand()
        core.settle(id, settlement, waiter: 1, now: moment)
        turn()
    }

    private func settled(_ id: HeldJobID, _ settlement: Settlement, _ error: DelayQueueError?) {
        guard let run = runs[id], !world.options.isAtMostOnce else { return }
        world.note("consumer \(index) settled job \(run.job) \(settlement): \(error?.code.description ?? "ok")")
        if error?.code == .ledgerUnavailable {
            // Still its holder's: settled again.
            world.after(500_000) { [self] in act { [self] in settle(id, settlement) } }
        } else {
            runs[id] = nil
        }
    }
}
