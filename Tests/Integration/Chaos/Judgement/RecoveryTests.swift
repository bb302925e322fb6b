import Testing

@Suite struct RecoveryTests {
    @Test func aKilledConsumersJobsRecoverWithTheirNextRun() {
        var history = history()
        history.runs = [run("a", 1, 8, nil, on: 1), run("a", 2, 19, 20, on: 2), run("b", 1, 3, 4, on: 1)]
        history.faults = [fault(.process(.consumer(0)), .kill, 10, 12)]
        #expect(Recovery.all(of: history) == [Recovery(cause: .consumerKilled, time: .seconds(9))])
    }

    @Test func aStoppedConsumersJobsRecoverWithWhateverComesFirst() {
        var history = history()
        history.runs = [run("a", 1, 8, 17, on: 1), run("b", 1, 9, nil, on: 1), run("b", 2, 12, 13, on: 2)]
        history.faults = [fault(.process(.consumer(0)), .stop, 10, 15)]
        let times = Recovery.all(of: history).map(\.time).sorted()
        #expect(times == [.zero, .seconds(2)])
    }

    @Test func jobsDueInAnOutageRecoverWithTheirFirstRun() {
        var history = history()
        history.jobs = [job("a", 11), job("b", 12), job("c", 3), job("d", 13)]
        history.runs = [
            run("a", 1, 20, 21, on: 1), run("b", 1, 13, 14, on: 1), run("c", 1, 18, 19, on: 1),
            run("d", 1, 17, 18, on: 1),
        ]
        history.faults = [fault(.server(.ledger), .stop, 10, 15)]
        let recoveries = Recovery.all(of: history)
        #expect(recoveries.map(\.time).sorted() == [.seconds(2), .seconds(5)])
        #expect(recoveries.allSatisfy { $0.cause == .ledger })
    }

    private func history() -> History {
        History(seed: 0, nodes: 3, lease: .seconds(10), began: time(0), calmed: time(50))
    }

    private func time(_ seconds: Int64) -> Instant { Instant(microseconds: seconds * 1_000_000) }

    private func job(_ id: String, _ due: Int64) -> JobStory {
        JobStory(token: id, id: id, fireDate: time(due), fate: .accepted)
    }

    private func run(_ id: String, _ attempt: Int, _ start: Int64, _ end: Int64?, on process: Int32) -> Run {
        Run(
            id: id, token: id, attempt: attempt, process: ProcessName(slot: .consumer(0), id: process),
            start: time(start), end: end.map(time), outcome: end.map { _ in .completed })
    }

    private func fault(_ target: Target, _ kind: FaultKind, _ start: Int64, _ end: Int64) -> Fault {
        Fault(
            target: target, kind: kind, process: ProcessName(slot: .consumer(0), id: 1), start: time(start),
            end: time(end))
    }
}
