import Beanstalk
import DelayQueue

extension ProducerCall {
    func conclude() {
        guard !isConcluded else { return }
        isConcluded = true
        let accepted = fanOut.accepted ?? written.map { _ in false }
        let refused = written.indices.filter { !accepted[$0] }
        for index in written.indices where accepted[index] { accept(index) }
        let jobs = refused.map {
            Withdrawal.Job(
                id: written[$0].job.id, hasFreshID: written[$0].job.hasFreshID, copies: fanOut.copies(of: $0))
        }
        takeBack(
            Withdrawal(jobs, generations: generations, hasLedger: producer.hasLedger), refused: refused)
    }

    private func takeBack(_ withdrawal: Withdrawal, refused: [Int]) {
        var withdrawal = withdrawal
        switch withdrawal.next() {
        case .mark(let positions):
            let requests = positions.flatMap { position -> [LedgerRequest] in
                let entry = written[refused[position]]
                let declared = entry.job.declaredCopies(copies[refused[position]])
                return [
                    request(.status, of: entry),
                    request(.revoke(fireDate: entry.job.fireTime.date, copies: declared), of: entry),
                ]
            }
            producer.ask(requests) { [self] results in
                withdrawal.marked(positions, results)
                takeBack(withdrawal, refused: refused)
            }
        case .remove(let targets):
            producer.remove(targets, as: .refusal(call: number)) { [self] results in
                withdrawal.removed(results)
                takeBack(withdrawal, refused: refused)
            }
        case .forget(let deleted):
            let requests = deleted.sorted { $0.key < $1.key }.map { position, gone in
                let entry = written[refused[position]]
                let declared = entry.job.declaredCopies(copies[refused[position]])
                return request(.forget(CopySet(gone) ?? [], of: declared), of: entry)
            }
            producer.ask(requests) { [self] _ in takeBack(withdrawal, refused: refused) }
        case nil:
            for (position, index) in refused.enumerated() {
                refuse(written[index], mayStillFire: withdrawal.mayStillFire(position))
            }
            producer.calls.removeAll { $0 === self }
            world.callsUnderway -= 1
        }
    }

    private func accept(_ index: Int) {
        let entry = written[index]
        world.note("call \(number): job \(entry.number) is accepted")
        world.judge.accepted(entry.number, by: number)
        let placements = fanOut.copies(of: index).compactMap { copy -> Receipt.Placement? in
            switch copy.answer {
            case .stored(let id): Receipt.Placement(node: world.addresses[copy.node], index: copy.index, id: id)
            case .unknown: Receipt.Placement(node: world.addresses[copy.node], index: copy.index, id: nil)
            case .refused: nil
            }
        }
        world.accepted(
            Receipt(
                jobID: entry.job.id, fireTime: entry.job.fireTime, queue: .default, hasOwnID: entry.job.isOwnID,
                format: entry.job.isNative ? .native : .goQueue, copies: entry.job.declaredCopies(copies[index]),
                placements: placements), job: entry.number)
    }

    private func refuse(_ entry: Entry, mayStillFire: Bool) {
        world.note("call \(number): job \(entry.number) is refused, mayStillFire \(mayStillFire)")
        world.judge.refused(
            entry.number, mayStillFire: mayStillFire, isMarked: producer.hasLedger && entry.job.hasFreshID)
        retry(entry)
    }

    /// A caller with an id of its own asks again, until the job is accepted.
    func retry(_ entry: Entry) {
        guard entry.job.isOwnID, tries < 20 else { return }
        let wait = 100_000 + world.random.time(3_000_000)
        world.callersWaiting += 1
        world.after(wait) { [world, tries] in
            world.callersWaiting -= 1
            world.call([entry], tries: tries + 1)
        }
    }

    /// The process died with the call under way.
    func wasLost() {
        for entry in requested {
            world.judge.lostCall(entry.number)
            if !world.judge.jobs[entry.number].isAccepted { retry(entry) }
        }
    }

    func request(_ operation: LedgerRequest.Operation, of entry: Entry) -> LedgerRequest {
        LedgerRequest(
            key: entry.job.isNative
                ? LedgerKey(queue: .default, id: entry.job.id) : LedgerKey(goQueue: entry.job.id),
            operation: operation, timing: WorldOptions.timing)
    }
}
