package import NIOCore

/// A copy's record as read back from its node.
package struct Envelope: Sendable, Hashable {
    package var id: JobID
    package var fireTime: Timestamp

    /// Nil in the records of generated ids, and of a producer without a ledger.
    package var edition: JobEdition?

    /// This copy's index; of an added copy, which was written in place of another one, not below `copies`.
    package var copy: Int

    /// How many copies the producer planned; 0 where they cannot be counted.
    package var copies: Int

    package var role: CopyRole

    /// Seconds; at least 1.
    package var timeToRun: UInt32

    package var priority: UInt32
    package var headers: JobHeaders
    package var body: ByteBuffer

    package init(
        id: JobID, fireTime: Timestamp, edition: JobEdition? = nil, copy: Int, copies: Int, role: CopyRole = .alone,
        timeToRun: UInt32, priority: UInt32, headers: JobHeaders, body: ByteBuffer
    ) {
        self.id = id
        self.fireTime = fireTime
        self.edition = edition
        self.copy = copy
        self.copies = copies
        self.role = role
        self.timeToRun = timeToRun
        self.priority = priority
        self.headers = headers
        self.body = body
    }
}

extension Envelope {
    /// The first field of every record of this format.
    static let magic: StaticString = "DQ1"

    /// Reads a record strictly.
    ///
    /// - Returns: nil for bytes that no writer of this format makes.
    package static func parse(_ record: ByteBuffer) -> Envelope? {
        var rest = record
        let common = rest.readRecordLine { fields -> EnvelopeLine? in
            guard fields.next()?.isText(magic) == true else { return nil }
            let common = EnvelopeLine(reading: &fields)
            return fields.isAtEnd ? common : nil
        }
        guard let common, let headers = JobHeaders(reading: &rest) else { return nil }
        return Envelope(
            id: common.id, fireTime: common.fireTime, edition: common.edition, copy: common.copy,
            copies: common.copies, role: common.role, timeToRun: common.timeToRun, priority: common.priority,
            headers: headers, body: rest)
    }
}
