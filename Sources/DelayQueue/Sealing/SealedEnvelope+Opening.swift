#if Sealing
    package import Beanstalk
    import Crypto
    import Foundation
    import NIOCore

    extension SealedEnvelope {
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
                    id: line.id, fireTime: line.fireTime, edition: line.edition, copy: line.copy, copies: line.copies,
                    role: line.role, timeToRun: line.timeToRun, priority: line.priority, headers: headers, body: content
                ))
        }

        private func decrypted(with key: SealingKey, queue: TubeName) -> ByteBuffer? {
            if mode == .sign { return payload }
            let context = Self.jobContext(
                queue: queue, id: line.id, fireTime: line.fireTime, edition: line.edition, mode: mode, keyID: keyID)
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
            queue: TubeName, id: JobID, fireTime: Timestamp, edition: JobEdition?, mode: SealMode, keyID: String
        ) -> String {
            // A queue's name has no space in it, and neither has any other part, so no two jobs have the same context.
            "\(queue) \(magic)\(id) \(timeField(fireTime, edition)) \(mode.rawValue) \(keyID)"
        }

        /// As ``EnvelopeLine`` reads it.
        static func timeField(_ fireTime: Timestamp, _ edition: JobEdition?) -> String {
            "\(fireTime.microseconds)" + (edition.map { "\(EnvelopeLine.editionMark)\($0)" } ?? "")
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
    }
#endif
