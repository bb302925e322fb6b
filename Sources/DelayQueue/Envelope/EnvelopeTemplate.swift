package import Beanstalk
import Crypto
import Foundation
package import NIOCore

/// The records of one job's copies: built once, written once per copy.
///
/// ```
/// DQ1 <id> <fireMicros> <copy>/<copies> <ttr> <priority>\r\n
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
    private let payload: ByteBuffer
    private let sealing: Sealing?

    /// What each copy's seal is made with: the payload is encrypted and hashed once for all of them.
    private struct Sealing {
        var key: SealingKey
        var queue: TubeName
        var payloadDigest: SHA256.Digest
    }

    /// - Parameter timeToRun: seconds; repeats the put's own, as does the priority: a reserved copy does not tell.
    /// - Parameter headers: validated.
    package init(
        id: JobID, fireTime: Timestamp, timeToRun: UInt32, priority: UInt32, headers: JobHeaders, body: ByteBuffer
    ) {
        var text = ByteBuffer()
        let lineLength = LineWriter.maximumLength + id.description.utf8.count
        text.reserveCapacity(lineLength + body.readableBytes)
        var lengthBeforeCopy = 0
        text.writeWithUnsafeMutableBytes(minimumWritableBytes: lineLength) { target in
            var line = LineWriter(target)
            line.write(Envelope.magic)
            line.write(" ")
            line.write(utf8: id.description)
            line.write(fireTime.microseconds < 0 ? " -" : " ")
            line.write(fireTime.microseconds.magnitude)
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
        payload = ByteBuffer()
        sealing = nil
    }

    /// - Parameter queue: a part of what is sealed.
    /// - Parameter nonce: 12 bytes, for test vectors; random otherwise.
    /// - Throws: `invalidBody`, where the body cannot be encrypted.
    package init(
        id: JobID, fireTime: Timestamp, timeToRun: UInt32, priority: UInt32, headers: JobHeaders, body: ByteBuffer,
        sealedWith keyRing: KeyRing, queue: TubeName, nonce: [UInt8]? = nil
    ) throws(DelayQueueError) {
        let key = keyRing.current
        var content = ByteBuffer()
        Self.write(headers, into: &content)
        content.writeImmutableBuffer(body)
        if keyRing.mode == .encrypt {
            let context = SealedEnvelope.jobContext(
                queue: queue, id: id, fireTime: fireTime, mode: keyRing.mode, keyID: key.id)
            content = try Self.encrypt(content, context: context, key: key, nonce: nonce)
        }
        var text = ByteBuffer(string: "\(SealedEnvelope.magic)\(id) \(fireTime.microseconds) ")
        lengthBeforeCopy = text.readableBytes
        text.writeString(" \(timeToRun) \(priority) \(keyRing.mode) \(key.id) ")
        self.text = text
        payload = content
        sealing = Sealing(key: key, queue: queue, payloadDigest: SealedEnvelope.digest(of: content))
    }

    private static func encrypt(
        _ content: ByteBuffer, context: String, key: SealingKey, nonce: [UInt8]?
    ) throws(DelayQueueError) -> ByteBuffer {
        do {
            let box = try content.withUnsafeReadableBytes { bytes in
                try AES.GCM.seal(
                    bytes, using: key.encryptionKey(context: context), nonce: nonce.map { try AES.GCM.Nonce(data: $0) },
                    authenticating: Array(context.utf8))
            }
            var encrypted = ByteBuffer()
            encrypted.reserveCapacity(content.readableBytes + 28)
            encrypted.writeBytes(box.nonce)
            encrypted.writeBytes(box.ciphertext)
            encrypted.writeBytes(box.tag)
            return encrypted
        } catch {
            throw DelayQueueError(.invalidBody, "body could not be encrypted", underlying: error)
        }
    }

    private static func write(_ headers: JobHeaders, into buffer: inout ByteBuffer) {
        for header in headers { buffer.writeString("\(header.name): \(header.value)\r\n") }
        buffer.writeStaticString("\r\n")
    }

    /// The length in bytes of a copy's record.
    package func size(copy: Int, copies: Int) -> Int {
        text.readableBytes + Self.digits(copy) + 1 + Self.digits(copies)
            + (sealing == nil ? 0 : SealedEnvelope.sealLength + 2) + payload.readableBytes
    }

    /// - Parameter copy: this copy's index, from 0.
    /// - Parameter copies: how many copies the job has; 0 where that is unknown.
    package func write(copy: Int, copies: Int, into buffer: inout ByteBuffer) {
        guard let sealing else {
            writeLine(copy: copy, copies: copies, into: &buffer)
            return
        }
        var line = ByteBuffer()
        line.reserveCapacity(256)
        writeLine(copy: copy, copies: copies, into: &line)
        let seal = sealing.key.seal(
            SealedEnvelope.sealedBytes(queue: sealing.queue, line: line, payloadDigest: sealing.payloadDigest))
        var digits: [UInt8] = []
        digits.reserveCapacity(SealedEnvelope.sealLength)
        for byte in seal {
            digits.append(.hexDigit(byte >> 4))
            digits.append(.hexDigit(byte & 0xf))
        }
        line.writeBytes(digits)
        line.writeStaticString("\r\n")
        buffer.writeBuffer(&line)
        buffer.writeImmutableBuffer(payload)
    }

    private func writeLine(copy: Int, copies: Int, into buffer: inout ByteBuffer) {
        text.withUnsafeReadableBytes { text in
            // Two numbers and what is between them.
            let room = text.count + LineWriter.maximumLength
            _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: text[..<lengthBeforeCopy]))
                var counts = LineWriter(UnsafeMutableRawBufferPointer(rebasing: target[lengthBeforeCopy...]))
                counts.write(UInt64(copy.magnitude))
                counts.write("/")
                counts.write(UInt64(copies.magnitude))
                UnsafeMutableRawBufferPointer(rebasing: target[(lengthBeforeCopy + counts.count)...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: text[lengthBeforeCopy...]))
                return text.count + counts.count
            }
        }
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
