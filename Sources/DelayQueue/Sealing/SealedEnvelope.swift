package import NIOCore

/// What a seal does to a job's headers and body.
package enum SealMode: String, Hashable, Sendable {
    case encrypt, sign
}

/// A sealed copy's record as read back from its node, not yet verified: all of it may be anybody's word.
package struct SealedEnvelope: Sendable, Hashable {
    /// What every sealed record begins with.
    package static let magic: StaticString = "DQS1 "

    /// A seal in hexadecimal digits.
    static let sealLength = 64

    /// The longest id of a key in bytes.
    static let maximumKeyIDLength = 32

    /// What it says of the job and the copy.
    package var line: EnvelopeLine
    package var mode: SealMode
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
                let mode = fields.next().flatMap({ SealMode(rawValue: String(decoding: $0, as: UTF8.self)) }),
                let keyID = fields.next(), isKeyID(keyID),
                let seal = fields.next().flatMap({ bytes(hexadecimal: $0) }), fields.isAtEnd,
                let sealedLine = record.getSlice(at: line.startIndex, length: line.count - sealLength)
            else { return nil }
            return SealedEnvelope(
                line: common, mode: mode, keyID: String(decoding: keyID, as: UTF8.self),
                sealedLine: sealedLine, seal: seal, payload: rest)
        }
    }

    /// Whether these bytes can name a key.
    static func isKeyID(_ bytes: some Collection<UInt8>) -> Bool {
        (1...maximumKeyIDLength).contains(bytes.count)
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
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
