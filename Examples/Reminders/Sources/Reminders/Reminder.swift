import DelayQueue
import Foundation
import GRDB
import Hummingbird

/// Something to be reminded of: a row of the store, and JSON for the page.
struct Reminder: Codable, Hashable, Sendable {
    enum State: String, Codable {
        case waiting, fired, revoked
    }

    /// Of its job too, so that whoever schedules it again schedules the same job.
    var id = JobID.random()
    let text: String
    let due: Date
    var state = State.waiting
    /// The highest attempt of its job that has been seen.
    var attempt = 0
    /// Whether its job is known to be in the queue.
    var isScheduled = false
}

extension Reminder: FetchableRecord, PersistableRecord, ResponseEncodable {}
