/// Collects a round's history while it happens.
actor Chronicle {
    private(set) var history: History
    /// How many faults there are, each time one is told of. For one reader.
    nonisolated let faultCounts: AsyncStream<Int>
    private let faultCount: AsyncStream<Int>.Continuation

    init(_ history: History) {
        self.history = history
        (faultCounts, faultCount) = AsyncStream.makeStream()
    }

    func add(_ jobs: [JobStory]) { history.jobs += jobs }
    func add(_ calls: [IDCall]) { history.idCalls += calls }
    func add(_ revocation: Revocation) { history.revocations.append(revocation) }
    func add(leftovers: [String]) { history.leftovers += leftovers }

    func add(_ fault: Fault) {
        history.faults.append(fault)
        faultCount.yield(history.faults.count)
    }

    func born(_ process: ProcessName, at time: Instant) { history.lives.append(Life(process: process, start: time)) }

    func ended(_ process: ProcessName, _ ending: Life.Ending) {
        guard let position = history.lives.lastIndex(where: { $0.process == process }) else { return }
        history.lives[position].ending = ending
    }

    func update(_ change: @Sendable (inout History) -> Void) { change(&history) }
}
