import CommandSupport
import DelayQueue
import NIOCore

/// The jobs of a demo that was given no file.
enum DemoReminders {
    static let count = 300
    /// The first is due this long after they were made, by when consumers and producer are connected.
    private static let start = Duration.seconds(2)
    /// They are due within this time of the first.
    private static let spread = Duration.seconds(6)

    private static let texts = [
        "Call the dentist about Thursday",
        "Stand-up in five minutes ☕️",
        "“Quotes”, \"more quotes\" and a back\\slash",
        "Buy milk\nbuy bread\nbuy 🍎🍏",
        "Miete überweisen: 1.234,56 €",
        "会議は15時からです",
        "",
    ]

    /// - Parameter now: the time they are made.
    static func make(now: Timestamp) -> [JobSpecification] {
        let run = JobID.random()
        return (0..<count).map { index in
            let offset = start + spread * Double.random(in: 0..<1)
            var job = JobSpecification(time: .at(now + offset), body: body(index))
            job.id = JobID(unchecked: "reminder-\(run)-\(index)")
            return job
        }
    }

    private static func body(_ index: Int) -> ByteBuffer {
        var body = ByteBuffer(string: texts[index % texts.count])
        if index % texts.count != texts.count - 1 { body.writeString(" #\(index)") }
        // One in thirty is large, one of these at the limit of what a node takes by default.
        if index % 30 == 15 { body.writeRepeatingByte(UInt8(ascii: "."), count: index == 15 ? 60_000 : 8_000) }
        return body
    }
}
