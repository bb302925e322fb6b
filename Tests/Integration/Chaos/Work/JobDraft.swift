import TestSupport

/// A job as it is made up, before anybody schedules it.
struct JobDraft {
    /// Unique in its round; also its id, where it has one of its own.
    var token: String
    var fireDate: Instant
    /// How long its handler works.
    var milliseconds: Int
    /// In how many attempts, counted from the first, its handler fails.
    var failingRuns: Int
    /// Its handler kills its consumer.
    var isPoison = false

    /// What ``chaos-handler`` reads.
    var body: String { "\(token) \(milliseconds) \(isPoison ? "poison" : "\(failingRuns)")" }

    /// Works long enough to be beside others.
    static func poison(_ token: String, in generator: inout SeededGenerator) -> JobDraft {
        JobDraft(
            token: token, fireDate: .now() + .seconds(1),
            milliseconds: Int.random(in: 300...1500, using: &generator), failingRuns: 0, isPoison: true)
    }

    static func random(_ token: String, in generator: inout SeededGenerator) -> JobDraft {
        // Soon, and now and then at once, so that most faults meet jobs that are due.
        let delay = Int.random(in: 0..<10, using: &generator) == 0 ? 0 : Int.random(in: 200...7000, using: &generator)
        let milliseconds: Int
        switch Int.random(in: 0..<1000, using: &generator) {
        // Longer than a lease.
        case ..<8: milliseconds = Int.random(in: 10_500...14_000, using: &generator)
        case ..<250: milliseconds = Int.random(in: 500...4000, using: &generator)
        default: milliseconds = Int.random(in: 0...150, using: &generator)
        }
        let failingRuns: Int
        switch Int.random(in: 0..<100, using: &generator) {
        case ..<2: failingRuns = 2
        case ..<7: failingRuns = 1
        default: failingRuns = 0
        }
        return JobDraft(
            token: token, fireDate: .now() + .milliseconds(delay), milliseconds: milliseconds,
            failingRuns: failingRuns)
    }

    /// A line for `dq load`.
    func line(withID: Bool) -> String {
        let id = withID ? #", "id": "\#(token)""# : ""
        return #"{"at": "\#(fireDate.unixSeconds)", "body": "\#(body)"\#(id)}"#
    }
}
