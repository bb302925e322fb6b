package import NIOCore

/// The records of one job's copies: built once, written once per copy.
///
/// ```
/// DQ1 <id> <fireMicros> <copy>/<copies> <ttr> <priority>\r\n
/// <name>: <value>\r\n                                           (zero or more)
/// \r\n
/// <body>
/// ```
package struct EnvelopeTemplate: Sendable {
    private let beforeCopy: ByteBuffer
    private let afterCopies: ByteBuffer
    private let body: ByteBuffer

    /// - Parameter timeToRun: seconds; repeats the put's own, as does the priority: a reserved copy does not tell.
    /// - Parameter headers: validated.
    package init(
        id: JobID, fireTime: Timestamp, timeToRun: UInt32, priority: UInt32, headers: JobHeaders, body: ByteBuffer
    ) {
        beforeCopy = ByteBuffer(string: "\(Envelope.magic)\(id) \(fireTime.microseconds) ")
        var rest = ByteBuffer(string: " \(timeToRun) \(priority)\r\n")
        for header in headers { rest.writeString("\(header.name): \(header.value)\r\n") }
        rest.writeStaticString("\r\n")
        afterCopies = rest
        self.body = body
    }

    /// The length in bytes of a copy's record.
    package func size(copy: Int, copies: Int) -> Int {
        beforeCopy.readableBytes + Self.digits(copy) + 1 + Self.digits(copies) + afterCopies.readableBytes
            + body.readableBytes
    }

    /// - Parameter copy: this copy's index, from 0.
    /// - Parameter copies: how many copies the job has; 0 where that is unknown.
    package func write(copy: Int, copies: Int, into buffer: inout ByteBuffer) {
        buffer.reserveCapacity(minimumWritableBytes: size(copy: copy, copies: copies))
        buffer.writeImmutableBuffer(beforeCopy)
        buffer.writeString("\(copy)/\(copies)")
        buffer.writeImmutableBuffer(afterCopies)
        buffer.writeImmutableBuffer(body)
    }

    private static func digits(_ number: Int) -> Int {
        var digits = 1
        var rest = number / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        return digits
    }
}
