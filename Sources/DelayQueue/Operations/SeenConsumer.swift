public import Foundation

/// A consumer of a queue, as the ledger heard of it last.
public struct SeenConsumer: Sendable, Hashable, Identifiable {
    /// Tells it from all other consumers, those of the same process included.
    public let id: String

    /// Its host and process: `host/pid`.
    public let process: String

    /// The version of this package that it is built with.
    public let version: String

    /// What it does about new jobs.
    public let activity: Activity

    /// How many of its tasks have a job.
    public let busy: Int

    /// How many tasks take its jobs: the concurrency of `run`, or how many iterate it.
    public let limit: Int

    /// How many jobs it has completed.
    public let completed: Int

    /// How many it completes in a minute, at the pace of its last ten seconds.
    public let completedPerMinute: Int

    /// By how much its machine's clock is ahead of the ledger's; nil where it did not know.
    public let clockSkew: Duration?

    /// When it began, by the ledger's clock.
    public let startedAt: Date

    /// When the ledger heard of it last, by its own clock. That is once a second while all is well.
    public let lastSeen: Date

    /// It has not been heard of for five times as long as it should have been, and did not say that it ends: its process
    /// was killed, stands still, or cannot reach the ledger.
    public let isSilent: Bool

    /// What a consumer does about new jobs.
    public struct Activity: Sendable, Hashable, CustomStringConvertible {
        let value: ConsumerPresence.State

        /// It takes them.
        public static let taking = Activity(value: .taking)
        /// It knows that the queue is paused, and takes none.
        public static let paused = Activity(value: .paused)
        /// It takes none, as a job that may end its process runs alone in it, or is about to.
        public static let alone = Activity(value: .alone)
        /// It takes none, and is gone once those that it runs have ended.
        public static let ending = Activity(value: .ending)

        public var description: String { value.rawValue }
    }

    /// For so many of its intervals a consumer may be unheard of.
    static let patience = 5

    init(_ entry: QueueBoard.Entry, now: Timestamp) {
        let presence = entry.presence
        id = presence.id
        process = presence.process
        version = presence.version
        activity = Activity(value: presence.state)
        busy = presence.busy
        limit = presence.limit
        completed = presence.done
        completedPerMinute = presence.perMinute
        clockSkew = presence.skew
        startedAt = (entry.seen + (.zero - presence.age)).date
        lastSeen = entry.seen.date
        isSilent = entry.seen.duration(to: now) > presence.interval * Self.patience
    }
}
