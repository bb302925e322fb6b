import Beanstalk
package import NIOCore

/// A job that passed validation, ready to be written to any number of nodes.
///
/// A class, since it never changes and is handed about a lot.
package final class PreparedJob: Sendable {
    package enum Record: Sendable {
        case native(EnvelopeTemplate)
        /// go-queue's record is the same on every node.
        ///
        /// - Parameter wait: how far away its date was when it was prepared.
        case goQueue(ByteBuffer, wait: Duration)
    }

    /// An id of the caller's own means one job: what the ledger is told of it.
    package struct Registration: Sendable {
        package var edition: JobEdition
        package var content: JobContent
        package var isReplacing: Bool

        package init(_ content: JobContent, edition: JobEdition = .random(), isReplacing: Bool = false) {
            self.edition = edition
            self.content = content
            self.isReplacing = isReplacing
        }
    }

    package let id: JobID
    /// The caller chose the id, and may write the job again under it.
    package let isOwnID: Bool
    /// How the id is registered with the ledger; nil where it need not be, or there is none.
    package let registration: Registration?
    package let fireTime: Timestamp
    package let timeToRun: UInt32
    package let priority: UInt32
    package let bodySize: Int
    package let record: Record
    package let isNative: Bool
    /// The most bytes that one of its records has; the line of the put is not counted.
    let recordSize: Int

    package init(
        id: JobID, isOwnID: Bool, registration: Registration? = nil, fireTime: Timestamp, timeToRun: UInt32,
        priority: UInt32, bodySize: Int, record: Record
    ) {
        self.id = id
        self.isOwnID = isOwnID
        self.registration = registration
        self.fireTime = fireTime
        self.timeToRun = timeToRun
        self.priority = priority
        self.bodySize = bodySize
        self.record = record
        self.isNative = if case .native = record { true } else { false }
        self.recordSize = Self.size(of: record, copies: CopySet.maximumCount)
    }

    /// Nobody can have used the id before, or will again.
    package var hasFreshID: Bool { !isOwnID && isNative }

    /// What the envelope says of the number of copies: 0, unknown, where the job may be written again.
    package func declaredCopies(_ planned: Int) -> Int {
        isOwnID || !isNative ? 0 : planned
    }

    /// How long nodes are asked to keep its copies back, in seconds; standbys for longer.
    func putDelay(now: Timestamp) -> UInt32 {
        switch record {
        // Checked when the job was prepared; the delay has only become shorter since.
        case .native: (try? PutDelay.seconds(until: fireTime, now: now)) ?? 0
        case .goQueue(_, let wait): PutDelay.goQueueSeconds(asked: wait, until: fireTime, now: now)
        }
    }

    /// - Parameter priority: the one of this copy.
    func writePut(
        copy: Int, copies: Int, role: CopyRole, priority: UInt32, delay: UInt32, into buffer: inout ByteBuffer
    ) {
        switch record {
        case .native(let template):
            BeanstalkCommand.writePut(
                priority: priority, delay: delay, ttr: timeToRun,
                bodySize: template.size(copy: copy, copies: copies, role: role), into: &buffer
            ) { template.write(copy: copy, copies: copies, role: role, to: $0) }
        case .goQueue(let bytes, _):
            BeanstalkCommand.writePut(
                priority: priority, delay: delay, ttr: timeToRun, bodySize: bytes.readableBytes, into: &buffer
            ) { target in
                bytes.withUnsafeReadableBytes { target.copyMemory(from: $0) }
                return bytes.readableBytes
            }
        }
    }

    /// The most bytes around the body.
    ///
    /// - Parameter namesStandbys: a lead's line is longer by the names of its standbys.
    func overhead(copies: Int, namesStandbys: Bool) -> Int {
        Self.size(of: record, copies: copies) - bodySize
            + (namesStandbys ? CopyRole.greatestLength(copies: copies) : 0)
    }

    private static func size(of record: Record, copies: Int) -> Int {
        switch record {
        case .native(let template): template.size(copy: max(copies - 1, 0), copies: copies)
        case .goQueue(let bytes, _): bytes.readableBytes
        }
    }
}
