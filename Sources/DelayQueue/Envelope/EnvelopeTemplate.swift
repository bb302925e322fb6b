import Beanstalk
package import NIOCore

/// The records of one job's copies: built once, written once per copy.
///
/// They are written in one go: with strings a job of a batch takes 21 % more instructions (`./dev bench --check`).
///
/// ```
/// DQ1 <id> <fireMicros>[:<edition>] <copy>/<copies><role> <ttr> <priority>\r\n
/// <name>: <value>\r\n                                           (zero or more)
/// \r\n
/// <body>
/// ```
///
/// A sealed one begins with `DQS1`, and its line goes on with mode, key id and seal; headers and body may be encrypted.
package struct EnvelopeTemplate: Sendable {
    /// What every copy's record has before and after its counts; unless it is sealed, all of the rest.
    private let text: ByteBuffer
    /// How many bytes of the text come before the counts.
    private let lengthBeforeCopy: Int
    private let sealing: Sealing?

    /// - Parameter timeToRun: in seconds. The record repeats it, and the priority, because beanstalkd does not tell
    ///   them when a copy is reserved.
    /// - Parameter headers: validated.
    package init(
        id: JobID, fireTime: Timestamp, edition: JobEdition? = nil, timeToRun: UInt32, priority: UInt32,
        headers: JobHeaders, body: ByteBuffer
    ) {
        let lineLength = LineWriter.maximumLength + JobEdition.length + id.description.utf8.count
        var text = ByteBufferAllocator().buffer(capacity: lineLength + body.readableBytes)
        var lengthBeforeCopy = 0
        text.writeWithUnsafeMutableBytes(minimumWritableBytes: lineLength) { target in
            var line = LineWriter(target)
            line.write(Envelope.magic)
            line.write(" ")
            line.write(utf8: id.description)
            line.write(fireTime.microseconds < 0 ? " -" : " ")
            line.write(fireTime.microseconds.magnitude)
            if let edition {
                line.write(EnvelopeLine.editionMark)
                line.write(utf8: edition.description)
            }
            line.write(" ")
            lengthBeforeCopy = line.count
            line.write(" ")
            line.write(UInt64(timeToRun))
            line.write(" ")
            line.write(UInt64(priority))
            line.write(headers.isEmpty ? "\r\n\r\n" : "\r\n")
            return line.count
        }
        if !headers.isEmpty { Self.write(headers, into: &text) }
        text.writeImmutableBuffer(body)
        self.lengthBeforeCopy = lengthBeforeCopy
        self.text = text
        sealing = nil
    }

    init(text: ByteBuffer, lengthBeforeCopy: Int, sealing: Sealing) {
        self.text = text
        self.lengthBeforeCopy = lengthBeforeCopy
        self.sealing = sealing
    }

    static func write(_ headers: JobHeaders, into buffer: inout ByteBuffer) {
        for header in headers { buffer.writeString("\(header.name): \(header.value)\r\n") }
        buffer.writeStaticString("\r\n")
    }

    /// The length in bytes of a copy's record.
    package func size(copy: Int, copies: Int, role: CopyRole = .alone) -> Int {
        let lineLength = text.readableBytes + Self.digits(in: copy) + 1 + Self.digits(in: copies) + role.length
        guard let sealing else { return lineLength }
        return lineLength + sealing.size
    }

    /// - Parameter copy: this copy's index, from 0.
    /// - Parameter copies: how many copies the job has; 0 where that is unknown.
    package func write(copy: Int, copies: Int, role: CopyRole = .alone, into buffer: inout ByteBuffer) {
        let size = size(copy: copy, copies: copies, role: role)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { target in
            write(copy: copy, copies: copies, role: role, to: target)
        }
    }

    /// - Parameter target: room for ``size(copy:copies:role:)`` bytes.
    /// - Returns: how many bytes were written.
    package func write(
        copy: Int, copies: Int, role: CopyRole = .alone, to target: UnsafeMutableRawBufferPointer
    ) -> Int {
        precondition(target.count >= size(copy: copy, copies: copies, role: role), "no room for the record")
        let lineLength = writeLine(copy: copy, copies: copies, role: role, to: target)
        guard let sealing else { return lineLength }
        var rest = LineWriter(UnsafeMutableRawBufferPointer(rebasing: target[lineLength...]))
        sealing.write(sealing: UnsafeRawBufferPointer(rebasing: target[..<lineLength]), to: &rest)
        return lineLength + rest.count
    }

    private func writeLine(
        copy: Int, copies: Int, role: CopyRole, to target: UnsafeMutableRawBufferPointer
    ) -> Int {
        text.withUnsafeReadableBytes { text in
            var line = LineWriter(target)
            line.write(UnsafeRawBufferPointer(rebasing: text[..<lengthBeforeCopy]))
            line.write(UInt64(copy.magnitude))
            line.write("/")
            line.write(UInt64(copies.magnitude))
            role.write(to: &line)
            line.write(UnsafeRawBufferPointer(rebasing: text[lengthBeforeCopy...]))
            return line.count
        }
    }

    private static func digits(in number: Int) -> Int {
        LineWriter.digits(in: UInt64(number.magnitude))
    }
}
