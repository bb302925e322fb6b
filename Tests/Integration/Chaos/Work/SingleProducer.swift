import TestSupport

/// Schedules jobs one by one with `dq at` and `dq in`, until its time is over.
struct SingleProducer: Sendable {
    let place: ProducerPlace
    let tool: String
    let options: [String]
    let chronicle: Chronicle
    let pool: ReceiptPool

    /// The mean time between two jobs.
    private static let pace = 400

    func run(until end: ContinuousClock.Instant, seed: UInt64, stream: Int) async throws {
        var generator = SeededGenerator(seed: seed, stream: stream)
        var number = 0
        while ContinuousClock.now < end {
            number += 1
            let draft = JobDraft.random("\(place.slot).\(number)", in: &generator)
            let isRelative = Bool.random(using: &generator)
            let mode = CopyModeOptions.random(in: &generator)
            try await schedule(draft, isRelative: isRelative, mode)
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...Self.pace * 2, using: &generator)))
        }
    }

    private func schedule(_ draft: JobDraft, isRelative: Bool, _ mode: [String]) async throws {
        let milliseconds = max(Int((draft.fireDate - .now()) / .milliseconds(1)), 0)
        // Counted by the tool from a time that comes after this one.
        let fireDate = isRelative ? .now() + .milliseconds(milliseconds) : draft.fireDate
        let time = isRelative ? ["in", "\(milliseconds)ms"] : ["at", draft.fireDate.unixSeconds, "--allow-past"]
        let ending = try await place.run([tool] + time + [draft.body, "--json"] + options + mode)
        var story = JobStory(token: draft.token, id: nil, fireDate: fireDate, fate: .unknown)
        if let receipt = PrintedReceipt.all(in: ending.output).first {
            story.id = receipt.id
            story.fireDate = receipt.fireDate
            story.fate = .accepted
            await pool.add([receipt])
        } else if ending.status == 1 {
            story.fate = Refusal(message: ending.errors).mayStillRun ? .refused : .refusedForGood
        }
        await chronicle.add([story])
    }
}
