import DelayQueue
import NIOConcurrencyHelpers

/// What was delivered, counted from any number of tasks.
final class Tally: Sendable {
    struct Run: Sendable {
        var id: JobID
        var text: String
        var attempt: Int
        var lateness: Duration
    }

    private let state = NIOLockedValueBox<[Run]>([])

    @discardableResult
    func record(_ job: Job) -> Int {
        let run = Run(id: job.id, text: job.text, attempt: job.attempt, lateness: job.lateness)
        return state.withLockedValue { runs in
            runs.append(run)
            return runs.count
        }
    }

    var runs: [Run] { state.withLockedValue { $0 } }

    var countsByID: [JobID: Int] { runs.reduce(into: [:]) { $0[$1.id, default: 0] += 1 } }
}
