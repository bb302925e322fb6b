package import NIOCore

/// A record of the Go library go-queue: `<nanoseconds since 1970>/<body>`.
package struct GoQueueRecord: Sendable, Hashable {
    /// The priority that go-queue's producer puts records with.
    package static let priority: UInt32 = 2

    /// The time to run that go-queue's producer puts records with, in seconds.
    package static let timeToRun: UInt32 = 5

    /// The lower-case hexadecimal MD5 of the whole record: what its consumers lock in Redis.
    package var id: JobID

    package var fireNanoseconds: Int64
    package var body: ByteBuffer

    /// The first microsecond that is not before the time in the record.
    package var fireTime: Timestamp {
        Timestamp(microseconds: fireNanoseconds / 1000 + (fireNanoseconds % 1000 > 0 ? 1 : 0))
    }

    /// - Returns: nil for bytes that are no such record.
    package static func parse(_ record: ByteBuffer) -> GoQueueRecord? {
        let view = record.readableBytesView
        // 19 digits and the slash: all of Int64.
        guard let slash = view.prefix(20).firstIndex(of: UInt8(ascii: "/")),
            let nanoseconds = Int64(decimal: view[..<slash])
        else { return nil }
        var body = record
        body.moveReaderIndex(to: slash + 1)
        return GoQueueRecord(id: id(of: record), fireNanoseconds: nanoseconds, body: body)
    }

    package static func encode(fireNanoseconds: Int64, body: ByteBuffer) -> ByteBuffer {
        var record = ByteBuffer()
        record.reserveCapacity(20 + body.readableBytes)
        record.writeString("\(fireNanoseconds)/")
        record.writeImmutableBuffer(body)
        return record
    }

    package static func encode(fireTime: Timestamp, body: ByteBuffer) -> ByteBuffer {
        encode(fireNanoseconds: fireTime.microseconds * 1000, body: body)
    }

    /// The id of a record.
    package static func id(of record: ByteBuffer) -> JobID {
        JobID(unchecked: record.withUnsafeReadableBytes { MD5.hexadecimal(of: $0) })
    }
}
