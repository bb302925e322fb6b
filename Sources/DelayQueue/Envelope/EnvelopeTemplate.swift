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
    private let sealing: Sealing?

    /// What each copy's seal is made with: the payload is encrypted and hashed once for all of them.
    ///
    /// A class, as nearly all templates have none, and are copied often.
    private final class Sealing: Sendable {
        let key: SealingKey
        let queue: TubeName
        let payload: ByteBuffer
        let payloadDigest: SHA256.Digest

        init(key: SealingKey, queue: TubeName, payload: ByteBuffer) {
            self.key = key
            self.queue = queue
            self.payload = payload
            self.payloadDigest = SealedEnvelope.digest(of: payload)
        }

        func seal(of line: UnsafeRawBufferPointer) -> HMAC<SHA256>.MAC {
            key.seal(SealedEnvelope.sealedBytes(queue: queue, line: line, payloadDigest: payloadDigest))
        }
    }

    /// - Parameter timeToRun: seconds; repeats the put's own, as does the priority: a reserved copy does not tell.
    /// - Parameter headers: validated.
    package init(
        id: JobID, fireTime: Timestamp, timeToRun: UInt32, priority: UInt32, headers: JobHeaders, body: ByteBuffer
    ) {
        let lineLength = LineWriter.maximumLength + id.description.utf8.count
        var text = ByteBufferAllocator().buffer(capacity: lineLength + body.readableBytes)
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
        sealing = Sealing(key: key, queue: queue, payload: content)
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
        let lineLength = text.readableBytes + Self.digits(in: copy) + 1 + Self.digits(in: copies)
        guard let sealing else { return lineLength }
        return lineLength + SealedEnvelope.sealLength + 2 + sealing.payload.readableBytes
    }

    /// - Parameter copy: this copy's index, from 0.
    /// - Parameter copies: how many copies the job has; 0 where that is unknown.
    package func write(copy: Int, copies: Int, into buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size(copy: copy, copies: copies)) { target in
            write(copy: copy, copies: copies, to: target)
        }
    }

    /// - Parameter target: room for ``size(copy:copies:)`` bytes.
    /// - Returns: how many bytes were written.
    package func write(copy: Int, copies: Int, to target: UnsafeMutableRawBufferPointer) -> Int {
        precondition(target.count >= size(copy: copy, copies: copies), "no room for the record")
        let lineLength = writeLine(copy: copy, copies: copies, to: target)
        guard let sealing else { return lineLength }
        var rest = LineWriter(UnsafeMutableRawBufferPointer(rebasing: target[lineLength...]))
        let seal = sealing.seal(of: UnsafeRawBufferPointer(rebasing: target[..<lineLength]))
        for byte in seal {
            rest.write(byte: .hexDigit(byte >> 4))
            rest.write(byte: .hexDigit(byte & 0xf))
        }
        rest.write("\r\n")
        sealing.payload.withUnsafeReadableBytes { rest.write($0) }
        return lineLength + rest.count
    }

    private func writeLine(copy: Int, copies: Int, to target: UnsafeMutableRawBufferPointer) -> Int {
        text.withUnsafeReadableBytes { text in
            var line = LineWriter(target)
            line.write(UnsafeRawBufferPointer(rebasing: text[..<lengthBeforeCopy]))
            line.write(UInt64(copy.magnitude))
            line.write("/")
            line.write(UInt64(copies.magnitude))
            line.write(UnsafeRawBufferPointer(rebasing: text[lengthBeforeCopy...]))
            return line.count
        }
    }

    private static func digits(in number: Int) -> Int {
        LineWriter.digits(in: UInt64(number.magnitude))
    }
}
