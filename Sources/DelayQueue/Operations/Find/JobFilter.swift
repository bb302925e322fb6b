import Beanstalk
public import Foundation
import NIOCore

/// Which jobs are meant, by what they carry. A job must fit all that is given; a filter without anything fits every job.
public struct JobFilter: Sendable, Hashable {
    /// The jobs' ids; nil for any.
    public var ids: Set<JobID>?

    /// Bytes that occur in the body, as UTF-8.
    public var body: String?

    /// Headers that the job has, with just these values.
    public var headers: JobHeaders = [:]

    /// The earliest fire date.
    public var dueFrom: Date?

    /// The first fire date that is too late.
    public var dueUntil: Date?

    public init() {}

    private static let typeHeader = "job-type"

    /// The name of the job's type, which jobs of `DelayQueueJobs` have in their header `job-type`.
    public var type: String? {
        get { headers[Self.typeHeader] }
        set { headers[Self.typeHeader] = newValue }
    }

    /// Whether every job fits.
    public var isEmpty: Bool {
        ids == nil && body == nil && headers.isEmpty && dueFrom == nil && dueUntil == nil
    }

    /// Whether it asks for what is inside of a job, and not for its date only.
    var looksInside: Bool { body != nil || !headers.isEmpty }

    /// - Parameter record: opened, where it was sealed.
    /// - Returns: nil where that cannot be told, since the record cannot be opened.
    func fits(_ record: JobRecord) -> Bool? {
        guard let id = record.id, let fireTime = record.fireTime, fits(id, fireTime) else { return false }
        guard looksInside else { return true }
        guard let content = record.body else { return nil }
        let carried = record.headers
        guard headers.allSatisfy({ carried[$0.name] == $0.value }) else { return false }
        return body.map { content.contains(Array($0.utf8)) } ?? true
    }

    /// As far as the first line of a record says, sealed or not.
    func fits(_ id: JobID, _ fireTime: Timestamp) -> Bool {
        (ids?.contains(id) ?? true) && (dueFrom.map { $0 <= fireTime.date } ?? true)
            && (dueUntil.map { fireTime.date < $0 } ?? true)
    }

    /// - Parameters:
    ///   - record: as it is stored.
    ///   - queue: where it was found.
    /// - Returns: nil where that cannot be told, since the record cannot be opened.
    func fits(_ record: JobRecord, opening policy: SealPolicy, queue: TubeName) -> Bool? {
        guard case .sealed(let envelope) = record, looksInside else { return fits(record) }
        // What is not to be found by its first line is not opened.
        guard fits(envelope.line.id, envelope.line.fireTime) else { return false }
        guard let keyRing = policy.keyRing, case .success(let envelope) = envelope.open(with: keyRing, queue: queue)
        else { return nil }
        return fits(.native(envelope))
    }
}

extension ByteBuffer {
    fileprivate func contains(_ word: [UInt8]) -> Bool {
        guard let first = word.first else { return true }
        return withUnsafeReadableBytes { bytes in
            var position = 0
            while let start = bytes.index(of: first, from: position), start + word.count <= bytes.count {
                if bytes[start..<(start + word.count)].elementsEqual(word) { return true }
                position = start + 1
            }
            return false
        }
    }
}
