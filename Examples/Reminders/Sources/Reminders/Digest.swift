import DelayQueue
import Foundation
import GRDB

/// What a day was like.
struct Digest: Codable, Hashable, Sendable {
    /// Of the tick's job, so that a tick that runs twice is told once.
    let id: JobID
    let date: Date
    /// How many reminders have fired since the digest before.
    let fired: Int
    let waiting: Int
}

extension Digest: FetchableRecord, PersistableRecord {}
