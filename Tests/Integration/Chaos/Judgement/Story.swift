/// Tells the history of one job, in seconds; the lease is 10 s and consumers 0 and 1 run from the beginning.
struct Story {
    var history = History(
        seed: 0, nodes: 3, lease: .seconds(10), began: time(0), calmed: time(100), drained: time(110))

    init(fate: JobStory.Fate = .accepted, due: Double = 1) {
        history.jobs = [JobStory(token: "t", id: "j", fireDate: Self.time(due), fate: fate)]
        history.lives = [0, 1].map { Life(process: Self.process($0), start: Self.time(0)) }
    }

    func granted(
        _ attempt: Int, at seconds: Double, failures: Int = 0, owner: String? = nil, alone: Bool = false
    ) -> Story {
        writing(
            .claimed(
                owner: owner ?? "owner\(attempt)", attempt: attempt, failures: failures, alone: alone,
                leaseEnd: Self.time(seconds + 10)))
    }

    func waiting(_ attempt: Int, failures: Int) -> Story { writing(.waiting(attempt: attempt, failures: failures)) }
    func done() -> Story { writing(.done) }
    func dead() -> Story { writing(.dead) }

    func revoked(at seconds: Double?) -> Story {
        var story = writing(.revoked)
        if let seconds {
            story.history.revocations.append(Revocation(id: "j", outcome: .revoked, answered: Self.time(seconds)))
        }
        return story
    }

    func ran(
        _ attempt: Int, _ start: Double, _ end: Double?, _ outcome: Run.Outcome?, by consumer: Int = 0
    ) -> Story {
        var story = self
        story.history.runs.append(
            Run(
                id: "j", token: "t", attempt: attempt, process: Self.process(consumer), start: Self.time(start),
                end: end.map(Self.time), outcome: outcome))
        return story
    }

    func killed(at seconds: Double) -> Story { ending(.killed(Self.time(seconds))) }
    func asked(at seconds: Double) -> Story { ending(.asked(Self.time(seconds))) }

    /// The consumer ends by SIGKILL, and not by the harness; at some time, by the other job.
    func died(_ consumer: Int, at seconds: Double? = nil) -> Story {
        var story = self
        let process = Self.process(consumer)
        story.history.lives.removeAll { $0.process == process }
        story.history.lives.append(Life(process: process, start: Self.time(0), ending: .byItself(status: 137)))
        if let seconds {
            let attempt = story.history.runs.count { $0.id == "p" } + 1
            story.history.ledger.append(
                LedgerEntry(
                    id: "p",
                    state: .claimed(
                        owner: "p\(attempt)", attempt: attempt, failures: 0, leaseEnd: Self.time(seconds + 9))))
            story.history.runs.append(
                Run(
                    id: "p", token: "p", attempt: attempt, process: process, start: Self.time(seconds - 0.5),
                    end: Self.time(seconds), outcome: .poisoned))
        }
        return story
    }

    func fault(_ target: Target, _ kind: FaultKind, from start: Double, to end: Double) -> Story {
        var story = self
        var process: ProcessName?
        if case .process(.consumer(let index)) = target { process = Self.process(index) }
        story.history.faults.append(
            Fault(target: target, kind: kind, process: process, start: Self.time(start), end: Self.time(end)))
        return story
    }

    private func writing(_ state: LedgerEntry.State) -> Story {
        var story = self
        story.history.ledger.append(LedgerEntry(id: "j", state: state))
        return story
    }

    private func ending(_ ending: Life.Ending) -> Story {
        var story = self
        story.history.lives[0].ending = ending
        return story
    }

    static func time(_ seconds: Double) -> Instant {
        Instant(microseconds: 1_700_000_000_000_000 + Int64(seconds * 1_000_000))
    }

    static func process(_ index: Int) -> ProcessName {
        ProcessName(slot: .consumer(index), id: 100 + Int32(index))
    }
}
