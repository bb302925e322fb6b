import CommandSupport
import DelayQueue
import Foundation

/// How consumers are printed.
struct ConsumerText {
    static let headings = [
        "process", "version", "activity", "busy", "rate", "completed", "clock", "started", "last seen",
    ]

    private let consumer: SeenConsumer

    init(_ consumer: SeenConsumer) {
        self.consumer = consumer
    }

    var json: JSONObject {
        var object = JSONObject()
        object.add("id", consumer.id)
        object.add("process", consumer.process)
        object.add("version", consumer.version)
        object.add("activity", consumer.activity.description)
        object.add("busy", consumer.busy)
        object.add("limit", consumer.limit)
        object.add("completed", consumer.completed)
        object.add("completedPerMinute", consumer.completedPerMinute)
        object.add("clockSkewMs", consumer.clockSkew.map { Int($0 / .milliseconds(1)) })
        object.add("startedAt", DateText.string(of: consumer.startedAt))
        object.add("lastSeen", DateText.string(of: consumer.lastSeen))
        object.add("silent", consumer.isSilent)
        return object
    }

    var row: [String] {
        [
            PrintableText.line(consumer.process), PrintableText.line(consumer.version),
            consumer.isSilent ? "silent" : consumer.activity.description, "\(consumer.busy) of \(consumer.limit)",
            "\(consumer.completedPerMinute)/min", "\(consumer.completed)",
            consumer.clockSkew.map { ($0 < .zero ? "" : "+") + $0.secondsText + "s" } ?? "-",
            DateText.string(of: consumer.startedAt), DateText.string(of: consumer.lastSeen),
        ]
    }
}
