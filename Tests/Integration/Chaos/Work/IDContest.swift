import TestSupport

/// Schedules jobs under the same id from several processes at once, id after id, until its time is over.
///
/// All but the last of the processes schedule the same job, the last one another, which is due earlier or later; in half
/// of the contests that one is to replace the first. Processes are killed on the way, and each goes on until it is told.
struct IDContest: Sendable {
    let places: [ProducerPlace]
    let tool: String
    /// Of each place.
    let options: [[String]]
    let chronicle: Chronicle

    /// The mean time between the beginnings of two contests.
    private static let pace = 2000
    private static let tries = 6

    private struct Caller {
        let place: ProducerPlace
        let arguments: [String]
        let token: String
        /// When to begin, and at which time after that to be killed, try by try.
        let delay: Duration
        let kills: [Duration?]
    }

    func run(until end: ContinuousClock.Instant, seed: UInt64, stream: Int) async throws {
        var generator = SeededGenerator(seed: seed, stream: stream)
        var number = 0
        while ContinuousClock.now < end {
            number += 1
            let next = ContinuousClock.now + .milliseconds(Int.random(in: 0...Self.pace * 2, using: &generator))
            try await contest("contest.\(number)", using: &generator)
            try await Task.sleep(until: min(next, end))
        }
    }

    private func contest(_ id: String, using generator: inout SeededGenerator) async throws {
        var first = JobDraft.random("\(id).first", in: &generator)
        var other = JobDraft.random("\(id).other", in: &generator)
        first.fireDate = .now() + .milliseconds(Int.random(in: 1500...6000, using: &generator))
        other.fireDate = first.fireDate + .milliseconds(Bool.random(using: &generator) ? 1000 : -1000)
        let replaces = Bool.random(using: &generator)
        var callers: [Caller] = []
        for (index, place) in places.enumerated() {
            let isOther = index == places.count - 1
            let draft = isOther ? other : first
            callers.append(
                Caller(
                    place: place,
                    arguments: [tool, "at", draft.fireDate.unixSeconds, "--allow-past", draft.body, "--json"]
                        + ["--id", id] + options[index] + (isOther && replaces ? ["--replace"] : [])
                        + CopyModeOptions.random(in: &generator),
                    token: draft.token, delay: .milliseconds(Int.random(in: 0...200, using: &generator)),
                    kills: (0..<Self.tries).map { _ in
                        Int.random(in: 0..<3, using: &generator) > 0
                            ? nil : .milliseconds(Int.random(in: 20...400, using: &generator))
                    }))
        }
        let calls = try await withThrowingTaskGroup(of: [IDCall].self) { group in
            for caller in callers { group.addTask { try await call(caller, id) } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        await chronicle.add(calls)
        await chronicle.add(
            [first, other].map { draft in
                let answers = calls.filter { $0.token == draft.token }.map(\.answer)
                return JobStory(
                    token: draft.token, id: id, fireDate: draft.fireDate,
                    fate: answers.contains(.accepted)
                        ? .accepted : answers.allSatisfy { $0 == .refused } ? .refusedForGood : .unknown)
            })
    }

    private func call(_ caller: Caller, _ id: String) async throws -> [IDCall] {
        try await Task.sleep(for: caller.delay)
        var calls: [IDCall] = []
        for kill in caller.kills {
            let begun = Instant.now()
            let ending = try await withThrowingTaskGroup(of: ProducerPlace.Ending?.self) { group in
                group.addTask { try await caller.place.run(caller.arguments) }
                if let kill {
                    group.addTask {
                        guard (try? await Task.sleep(for: kill)) != nil else { return nil }
                        _ = await caller.place.kill()
                        return nil
                    }
                }
                var ending: ProducerPlace.Ending?
                while ending == nil, let next = try await group.next() { ending = next }
                group.cancelAll()
                return ending
            }
            guard let ending else { break }
            let answer: IDCall.Answer
            if !PrintedReceipt.all(in: ending.output).isEmpty {
                answer = .accepted
            } else if ending.status == 1, !Refusal(message: ending.errors).mayStillRun {
                answer = .refused
            } else {
                answer = .unknown
            }
            calls.append(
                IDCall(
                    id: id, token: caller.token, begun: begun, ended: answer == .unknown ? nil : .now(),
                    answer: answer))
            let isTold = ["idTaken", "jobFinished"].contains { ending.errors.contains($0) }
            if answer == .accepted || answer == .refused && isTold { break }
        }
        return calls
    }
}
