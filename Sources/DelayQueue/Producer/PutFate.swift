package import Beanstalk
import NIOConcurrencyHelpers

/// What a late reply must do: keep the copy of an accepted job, delete that of a refused one.
///
/// A reply to an abandoned put can arrive before the decision (the caller was cancelled a moment ago); it is then
/// noted, and becomes a known copy when the decision is made.
package final class PutFate: Sendable {
    private enum State {
        case undecided(late: [FanOut.Put: BeanstalkJobID])
        case decided(accepted: [Bool])
    }

    private let state = NIOLockedValueBox(State.undecided(late: [:]))

    package init() {}

    /// An abandoned put was stored after all.
    ///
    /// - Returns: true where the copy must be deleted now.
    package func arrivedLate(_ put: FanOut.Put, as id: BeanstalkJobID) -> Bool {
        state.withLockedValue { state in
            switch state {
            case .undecided(var late):
                late[put] = id
                state = .undecided(late: late)
                return false
            case .decided(let accepted):
                return !accepted[put.job]
            }
        }
    }

    /// Fixes the fate of every job.
    ///
    /// - Returns: the copies that were stored after their wait had ended.
    package func decide(accepted: [Bool]) -> [FanOut.Put: BeanstalkJobID] {
        state.withLockedValue { state in
            guard case .undecided(let late) = state else { return [:] }
            state = .decided(accepted: accepted)
            return late
        }
    }
}
