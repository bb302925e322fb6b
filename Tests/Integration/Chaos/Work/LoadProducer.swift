import TestSupport

/// Loads list after list of jobs with `dq load`, until its time is over.
struct LoadProducer: Sendable {
    let place: ProducerPlace
    let tool: String
    let options: [String]
    /// Whether jobs have ids of their own: then a list is loaded again after a failure or a kill, as often as it takes.
    let hasOwnIDs: Bool
    /// The times at which a job is to be loaded that kills its consumer.
    var poisons: [Duration] = []
    let folder: RoundFolder
    let chronicle: Chronicle
    let pool: ReceiptPool

    private static let jobsPerList = 80
    /// The time between the beginnings of two lists.
    private static let pace = Duration.milliseconds(2600)
    private static let tries = 6

    func run(until end: ContinuousClock.Instant, seed: UInt64, stream: Int) async throws {
        var generator = SeededGenerator(seed: seed, stream: stream)
        let begin = ContinuousClock.now
        var next = begin
        var number = 0
        var poisons = poisons[...]
        while ContinuousClock.now < end {
            number += 1
            var drafts = (0..<Self.jobsPerList).map {
                JobDraft.random("\(place.slot).\(number).\($0)", in: &generator)
            }
            if let time = poisons.first, ContinuousClock.now - begin >= time {
                poisons.removeFirst()
                drafts[0] = .poison(drafts[0].token, in: &generator)
            }
            try await load(drafts, number: number, CopyModeOptions.random(in: &generator))
            next = max(next + Self.pace, .now)
            try await Task.sleep(until: min(next, end))
        }
    }

    private func load(_ drafts: [JobDraft], number: Int, _ mode: [String]) async throws {
        let list = "\(place.slot).\(number).jsonl"
        try folder.write(drafts.map { $0.line(withID: hasOwnIDs) + "\n" }.joined(), to: list)
        let arguments = [tool, "load", folder.file(list), "--json", "--allow-past"] + options + mode
        var stories = drafts.map {
            JobStory(
                token: $0.token, id: hasOwnIDs ? $0.token : nil, fireDate: $0.fireDate, fate: .unknown,
                isPoison: $0.isPoison)
        }
        for _ in 0..<(hasOwnIDs ? Self.tries : 1) {
            let ending = try await place.run(arguments)
            let receipts = PrintedReceipt.all(in: ending.output)
            // Nobody takes back what is to be found out about.
            let poison = Set(drafts.lazy.filter(\.isPoison).map(\.token))
            await pool.add(receipts.filter { !poison.contains($0.id) })
            settle(&stories, receipts, ending)
            if ending.status == 0 { break }
        }
        await chronicle.add(stories)
        folder.remove(list)
    }

    /// Notes what a try has come to. Receipts and refusals both come in the order of the lines.
    private func settle(
        _ stories: inout [JobStory], _ receipts: [PrintedReceipt], _ ending: ProducerPlace.Ending
    ) {
        for (line, refusal) in Refusal.byLine(in: ending.errors) where stories.indices.contains(line - 1) {
            // Of an earlier try something may be left, whatever the later one says.
            guard stories[line - 1].fate != .accepted else { continue }
            stories[line - 1].fate = refusal.mayStillRun || hasOwnIDs ? .refused : .refusedForGood
        }
        if hasOwnIDs {
            let accepted = Set(receipts.map(\.id))
            for index in stories.indices where accepted.contains(stories[index].token) {
                stories[index].fate = .accepted
            }
            return
        }
        var rest = receipts[...]
        for index in stories.indices where stories[index].fate == .unknown {
            guard let receipt = rest.popFirst() else { return }
            stories[index].id = receipt.id
            stories[index].fate = .accepted
        }
    }
}
