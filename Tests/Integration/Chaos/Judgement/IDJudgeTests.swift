import Testing

/// Histories of an id that two callers scheduled jobs under: `a`, due after 10 s, and `b`, due after 12.
@Suite struct IDJudgeTests {
    private var history = History(
        seed: 0, nodes: 3, lease: .seconds(10), began: Story.time(0), calmed: Story.time(100), drained: Story.time(110))

    init() {
        history.lives = [Life(process: Story.process(0), start: Story.time(0))]
        history.jobs = [("a", 10.0), ("b", 12)].map {
            JobStory(token: $0, id: "j", fireDate: Story.time($1), fate: .accepted)
        }
    }

    // MARK: Histories that pass

    @Test mutating func `one takes the place of another and runs`() {
        call("a", 1...2)
        call("b", 3...4)
        write(("a", .intended), ("a", .scheduled), ("b", .intended), ("a", .withdrawn), ("b", .scheduled))
        claim("b", at: 12)
        run("b", 13)
        write(("b", .done))
        #expect(Judge.judge(history).violations.isEmpty)
    }

    @Test mutating func `of two who called at the same time either runs`() {
        call("a", 1...3)
        call("b", 2...4)
        write(("b", .scheduled), ("b", .withdrawn), ("a", .scheduled))
        claim("a", at: 10)
        run("a", 11)
        write(("a", .done))
        #expect(Judge.judge(history).violations.isEmpty)
    }

    @Test mutating func `one that waits for another try is replaced, and counts its attempts anew`() {
        call("a", 1...2)
        call("b", 14...15)
        write(("a", .scheduled))
        claim("a", at: 10)
        run("a", 11, .failed)
        write(("a", .waiting(attempt: 1, failures: 1)), ("a", .withdrawn), ("b", .scheduled))
        claim("b", at: 16)
        run("b", 17)
        write(("b", .done))
        #expect(Judge.judge(history).violations.isEmpty)
    }

    @Test mutating func `what was announced and never confirmed may be the ledger's last word`() {
        history.jobs = []
        write(("a", .intended), ("a", .withdrawn), ("b", .intended))
        #expect(Judge.judge(history).violations.isEmpty)
    }

    // MARK: Histories that do not

    @Test mutating func `one that was replaced runs`() {
        call("a", 1...2)
        call("b", 3...4)
        write(("a", .scheduled), ("a", .withdrawn), ("b", .scheduled))
        claim("a", at: 10)
        run("a", 11)
        write(("a", .done))
        #expect(rules == [.editions, .ledger, .ledger, .lost])
    }

    @Test mutating func `two are the id's at once`() {
        write(("a", .scheduled), ("b", .scheduled))
        claim("b", at: 12)
        run("b", 13)
        write(("b", .done))
        #expect(rules == [.ledger])
    }

    @Test mutating func `one is scheduled although another one is done`() {
        write(("a", .scheduled))
        claim("a", at: 10)
        run("a", 11)
        write(("a", .done), ("a", .withdrawn), ("b", .scheduled))
        #expect(rules.contains(.ledger))
    }

    @Test mutating func `one that was accepted is left`() {
        call("a", 1...2)
        write(("a", .scheduled))
        #expect(rules.contains(.lost))
    }

    @Test mutating func `the one accepted last did not run`() {
        call("a", 1...2)
        call("b", 15...16)
        write(("a", .scheduled))
        claim("a", at: 10)
        run("a", 11)
        write(("a", .done))
        #expect(rules == [.lost])
    }

    // MARK: Telling

    private var rules: [Verdict.Violation.Rule] { Judge.judge(history).violations.map(\.rule) }

    private mutating func call(_ token: String, _ time: ClosedRange<Double>) {
        history.idCalls.append(
            IDCall(
                id: "j", token: token, begun: Story.time(time.lowerBound), ended: Story.time(time.upperBound),
                answer: .accepted))
    }

    private mutating func write(_ states: (String, LedgerEntry.State)...) {
        for (token, state) in states {
            history.ledger.append(
                LedgerEntry(
                    id: "j", edition: Edition(name: token, fireDate: Story.time(token == "a" ? 10 : 12)), state: state))
        }
    }

    private mutating func claim(_ token: String, at seconds: Double) {
        write((token, .claimed(owner: "o", attempt: 1, failures: 0, leaseEnd: Story.time(seconds + 10))))
    }

    private mutating func run(_ token: String, _ start: Double, _ outcome: Run.Outcome = .completed) {
        history.runs.append(
            Run(
                id: "j", token: token, attempt: 1, process: Story.process(0), start: Story.time(start),
                end: Story.time(start + 1), outcome: outcome))
    }
}
