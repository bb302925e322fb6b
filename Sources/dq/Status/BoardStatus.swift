import CommandSupport
import DelayQueue
import Foundation

/// A queue's pause and its consumers, at one moment.
struct BoardStatus: Sendable {
    var pause: QueuePause?
    var consumers: [SeenConsumer]

    /// So many silent consumers are named.
    private static let named = 5

    var pauseJSON: JSONObject? {
        guard let pause else { return nil }
        var object = JSONObject()
        object.add("since", DateText.string(of: pause.since))
        object.add("until", pause.until.map { DateText.string(of: $0) })
        object.add("why", pause.why)
        object.add("by", pause.by)
        return object
    }

    /// What keeps jobs waiting, in words.
    var warnings: [String] {
        var warnings: [String] = []
        if let pause {
            let end = pause.until.map { "until \(DateText.string(of: $0))" } ?? "until it is resumed"
            let why = pause.why.isEmpty ? "no reason was given" : pause.why
            warnings.append(
                "the queue is paused since \(DateText.string(of: pause.since)), \(end), by \(pause.by) (\(why)): consumers "
                    + "take no job, and those that fall due wait; dq resume ends it")
        }
        let (silent, live) = (consumers.filter(\.isSilent), consumers.filter { !$0.isSilent })
        for consumer in silent.prefix(Self.named) {
            warnings.append(
                "consumer \(consumer.process) has been silent since \(DateText.string(of: consumer.lastSeen)): it was "
                    + "killed, stands still or cannot reach the ledger; its jobs run elsewhere once their leases are over"
            )
        }
        if silent.count > Self.named {
            warnings.append("\(silent.count - Self.named) more consumers are silent; dq consumers shows them")
        }
        if live.isEmpty {
            warnings.append("the queue has no consumers: jobs that fall due wait until one is started")
        } else if live.allSatisfy({ $0.limit > 0 && $0.busy >= $0.limit }) {
            let tasks = live.reduce(0) { $0 + $1.limit }
            warnings.append(
                "all consumers are busy (\(tasks) of \(tasks) tasks have a job): what falls due waits for one of them to end"
            )
        }
        return warnings
    }
}
