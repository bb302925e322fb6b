import Beanstalk
import NIOCore

/// A job that passed validation, ready to be written to any number of nodes.
struct PreparedJob: Sendable {
    enum Record: Sendable {
        case native(EnvelopeTemplate)
        /// go-queue's record is the same on every node.
        case goQueue(ByteBuffer)
    }

    let id: JobID
    /// The caller chose the id, and may write the job again under it.
    let isOwnID: Bool
    let fireTime: Timestamp
    let timeToRun: UInt32
    let priority: UInt32
    let bodySize: Int
    let record: Record

    /// Nobody can have used the id before, or will again.
    var hasFreshID: Bool { !isOwnID && isNative }

    var isNative: Bool { if case .native = record { true } else { false } }

    /// What the envelope says of the number of copies: 0, unknown, where the job may be written again.
    func declaredCopies(_ planned: Int) -> Int {
        isOwnID || !isNative ? 0 : planned
    }

    func writePut(copy: Int, copies: Int, delay: UInt32, into buffer: inout ByteBuffer) {
        switch record {
        case .native(let template):
            BeanstalkCommand.writePut(
                priority: priority, delay: delay, ttr: timeToRun, bodySize: template.size(copy: copy, copies: copies),
                into: &buffer
            ) { template.write(copy: copy, copies: copies, into: &$0) }
        case .goQueue(let bytes):
            BeanstalkCommand.writePut(
                priority: priority, delay: delay, ttr: timeToRun, bodySize: bytes.readableBytes, into: &buffer
            ) { $0.writeImmutableBuffer(bytes) }
        }
    }

    /// The bytes around the body.
    func overhead(copies: Int) -> Int {
        switch record {
        case .native(let template): template.size(copy: max(copies - 1, 0), copies: copies) - bodySize
        case .goQueue(let bytes): bytes.readableBytes - bodySize
        }
    }
}
