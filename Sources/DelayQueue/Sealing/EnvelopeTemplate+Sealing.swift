#if Sealing
    package import Beanstalk
    import Crypto
    import Foundation
    package import NIOCore

    extension EnvelopeTemplate {
        /// What each copy's seal is made with: the payload is encrypted and hashed once for all of them.
        ///
        /// A class, as nearly all templates have none, and are copied often.
        final class Sealing: Sendable {
            private let key: SealingKey
            private let queue: TubeName
            private let payload: ByteBuffer
            private let payloadDigest: SHA256.Digest

            init(key: SealingKey, queue: TubeName, payload: ByteBuffer) {
                self.key = key
                self.queue = queue
                self.payload = payload
                self.payloadDigest = SealedEnvelope.digest(of: payload)
            }

            /// How many bytes ``write(sealing:to:)`` writes.
            var size: Int { SealedEnvelope.sealLength + 2 + payload.readableBytes }

            /// Writes what follows a copy's line: its seal, the line's end, and the payload.
            func write(sealing line: UnsafeRawBufferPointer, to rest: inout LineWriter) {
                let sealed = SealedEnvelope.sealedBytes(queue: queue, line: line, payloadDigest: payloadDigest)
                for byte in key.seal(sealed) {
                    rest.write(byte: .hexDigit(byte >> 4))
                    rest.write(byte: .hexDigit(byte & 0xf))
                }
                rest.write("\r\n")
                payload.withUnsafeReadableBytes { rest.write($0) }
            }
        }

        /// - Parameter queue: a part of what is sealed.
        /// - Parameter nonce: 12 bytes, for test vectors; random otherwise.
        /// - Throws: `invalidBody`, where the body cannot be encrypted.
        package init(
            id: JobID, fireTime: Timestamp, edition: JobEdition? = nil, timeToRun: UInt32, priority: UInt32,
            headers: JobHeaders, body: ByteBuffer, sealedWith keyRing: KeyRing, queue: TubeName, nonce: [UInt8]? = nil
        ) throws(DelayQueueError) {
            let key = keyRing.current
            var content = ByteBuffer()
            Self.write(headers, into: &content)
            content.writeImmutableBuffer(body)
            if keyRing.mode == .encrypt {
                let context = SealedEnvelope.jobContext(
                    queue: queue, id: id, fireTime: fireTime, edition: edition, mode: keyRing.mode.value, keyID: key.id)
                content = try Self.encrypt(content, context: context, key: key, nonce: nonce)
            }
            let time = SealedEnvelope.timeField(fireTime, edition)
            var text = ByteBuffer(string: "\(SealedEnvelope.magic)\(id) \(time) ")
            let lengthBeforeCopy = text.readableBytes
            text.writeString(" \(timeToRun) \(priority) \(keyRing.mode) \(key.id) ")
            self.init(
                text: text, lengthBeforeCopy: lengthBeforeCopy,
                sealing: Sealing(key: key, queue: queue, payload: content))
        }

        private static func encrypt(
            _ content: ByteBuffer, context: String, key: SealingKey, nonce: [UInt8]?
        ) throws(DelayQueueError) -> ByteBuffer {
            do {
                let box = try content.withUnsafeReadableBytes { bytes in
                    try AES.GCM.seal(
                        bytes, using: key.encryptionKey(context: context),
                        nonce: nonce.map { try AES.GCM.Nonce(data: $0) },
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
    }
#endif
