package import Beanstalk
import Crypto
import Foundation
package import NIOCore

/// A sealed copy's record as read back from its node, not yet verified: all of it may be anybody's word.
package struct SealedEnvelope: Sendable, Hashable {
    /// What every sealed record begins with.
    package static let magic: StaticString = "DQS1 "

    /// A seal in hexadecimal digits.
    static let sealLength = 64

    /// What it says of the job and the copy.
    package var line: EnvelopeLine
    package var mode: KeyRing.Mode
    package var keyID: String

    /// The line as it was read, up to the seal.
    var sealedLine: ByteBuffer
    var seal: [UInt8]
    package var payload: ByteBuffer
}

extension SealedEnvelope {
    /// Reads a record strictly; the payload is not looked at.
    ///
    /// - Returns: nil for bytes that no writer of this format makes.
    package static func parse(_ record: ByteBuffer) -> SealedEnvelope? {
        let isSealed = record.withUnsafeReadableBytes { bytes in
            bytes.count >= magic.utf8CodeUnitCount
                && UnsafeRawBufferPointer(rebasing: bytes[..<magic.utf8CodeUnitCount]).isText(magic)
        }
        guard isSealed else { return nil }
        var rest = record
        guard let line = rest.readRecordLine() else { return nil }
        return line.withFields { fields in
            _ = fields.next()
            guard let common = EnvelopeLine(reading: &fields),
                let mode = fields.next().flatMap({ KeyRing.Mode.Value(rawValue: String(decoding: $0, as: UTF8.self)) }),
                let keyID = fields.next(), SealingKey.isID(keyID),
                let seal = fields.next().flatMap({ bytes(hexadecimal: $0) }), fields.isAtEnd,
                let sealedLine = record.getSlice(at: line.startIndex, length: line.count - sealLength)
            else { return nil }
            return SealedEnvelope(
                line: common, mode: KeyRing.Mode(value: mode), keyID: String(decoding: keyID, as: UTF8.self),
                sealedLine: sealedLine, seal: seal, payload: rest)
        }
    }

    /// Verifies the record, and decrypts it where it is encrypted.
    ///
    /// - Parameter queue: the queue it was found in.
    package func open(with keyRing: KeyRing, queue: TubeName) -> Result<Envelope, SealProblem> {
        guard let key = keyRing.key(id: keyID) else { return .failure(.unknownKey(id: keyID)) }
        let sealed = Self.sealedBytes(
            queue: queue, line: sealedLine.readableBytesView, payloadDigest: Self.digest(of: payload))
        guard key.isSeal(seal, of: sealed) else { return .failure(.wrongSeal) }
        guard var content = decrypted(with: key, queue: queue), let headers = JobHeaders(reading: &content) else {
            return .failure(.malformed)
        }
        return .success(
            Envelope(
                id: line.id, fireTime: line.fireTime, copy: line.copy, copies: line.copies,
                timeToRun: line.timeToRun, priority: line.priority, headers: headers, body: content))
    }

    private func decrypted(with key: SealingKey, queue: TubeName) -> ByteBuffer? {
        if mode == .sign { return payload }
        let context = Self.jobContext(queue: queue, id: line.id, fireTime: line.fireTime, mode: mode, keyID: keyID)
        let content = payload.withUnsafeReadableBytes { bytes in
            try? AES.GCM.open(
                AES.GCM.SealedBox(combined: bytes), using: key.encryptionKey(context: context),
                authenticating: Array(context.utf8))
        }
        return content.map { ByteBuffer(bytes: $0) }
    }

    // MARK: What reader and writer share

    /// What all copies of a job have in common: the key of its payload is derived from it.
    static func jobContext(
        queue: TubeName, id: JobID, fireTime: Timestamp, mode: KeyRing.Mode, keyID: String
    ) -> String {
        // A queue's name has no space in it, and so has none of the others.
        "\(queue) \(magic)\(id) \(fireTime.microseconds) \(mode) \(keyID)"
    }

    /// What a seal covers: everything, and the queue's name.
    static func sealedBytes(
        queue: TubeName, line: some Sequence<UInt8>, payloadDigest: SHA256.Digest
    ) -> [UInt8] {
        var bytes = Array("\(queue) ".utf8)
        bytes += line
        bytes += payloadDigest
        return bytes
    }

    static func digest(of payload: ByteBuffer) -> SHA256.Digest {
        payload.withUnsafeReadableBytes { bytes in
            var hash = SHA256()
            hash.update(bufferPointer: bytes)
            return hash.finalize()
        }
    }

    /// Lower-case digits only: there is one way to write a seal.
    private static func bytes(hexadecimal digits: UnsafeRawBufferPointer) -> [UInt8]? {
        guard digits.count == sealLength else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(sealLength / 2)
        var high: UInt8?
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }
}
