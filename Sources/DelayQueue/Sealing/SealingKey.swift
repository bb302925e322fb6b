#if Sealing
    import Crypto
    import Foundation

    /// A secret that seals records, and the name records mention it by.
    ///
    /// The secret itself is not kept, only what is derived from it; nothing of either shows in a description, error or
    /// reflection of this type.
    public struct SealingKey: Sendable {
        /// The longest id in bytes.
        public static let maximumIDLength = SealedEnvelope.maximumKeyIDLength

        /// The fewest bytes of a secret: the strength of what is derived from it.
        public static let minimumSecretLength = 32

        /// Stands in every record the key seals, for everybody to read.
        public let id: String

        /// What the keys of single jobs are derived from.
        private let root: SymmetricKey

        /// For the seals of all records.
        private let authentication: SymmetricKey

        private static let salt = Array("swift-delay-queue DQS1".utf8)

        /// - Parameter id: 1 to 32 letters, digits or `. _ -`; never used again for another secret.
        /// - Parameter secret: at least 32 bytes from a cryptographic random source, known to nobody else.
        /// - Throws: `invalidConfiguration`; the message has nothing of the secret.
        public init(id: String, secret: some Sequence<UInt8>) throws(DelayQueueError) {
            guard SealedEnvelope.isKeyID(id.utf8) else {
                throw DelayQueueError(
                    .invalidConfiguration,
                    "a key's id is 1 to \(Self.maximumIDLength) letters, digits or . _ -, not \(id.debugDescription)")
            }
            let secret = Array(secret)
            guard secret.count >= Self.minimumSecretLength else {
                throw DelayQueueError(
                    .invalidConfiguration,
                    "the secret of key \(id) has \(secret.count) bytes; it must have at least \(Self.minimumSecretLength)"
                )
            }
            self.id = id
            root = SymmetricKey(
                data: HKDF<SHA256>.extract(inputKeyMaterial: SymmetricKey(data: secret), salt: Self.salt))
            authentication = Self.expand(root, info: "authenticate")
        }

        /// - Parameter base64: the secret in standard base64.
        /// - Throws: `invalidConfiguration`; the message has nothing of the secret.
        public init(id: String, base64: String) throws(DelayQueueError) {
            guard let secret = Data(base64Encoded: base64) else {
                throw DelayQueueError(
                    .invalidConfiguration,
                    SealedEnvelope.isKeyID(id.utf8)
                        ? "the secret of key \(id) is not base64" : "the secret of a key is not base64")
            }
            try self.init(id: id, secret: secret)
        }

        private static func expand(_ root: SymmetricKey, info: String) -> SymmetricKey {
            HKDF<SHA256>.expand(pseudoRandomKey: root, info: Array(info.utf8), outputByteCount: 32)
        }
    }

    extension SealingKey {
        /// The key one job's payload is encrypted with: its own, so that random nonces cannot meet, however many jobs
        /// there are.
        func encryptionKey(context: String) -> SymmetricKey {
            Self.expand(root, info: "encrypt \(context)")
        }

        /// The seal of one copy.
        func seal(_ sealed: [UInt8]) -> HMAC<SHA256>.MAC {
            HMAC<SHA256>.authenticationCode(for: sealed, using: authentication)
        }

        /// Compares in constant time.
        func isSeal(_ seal: [UInt8], of sealed: [UInt8]) -> Bool {
            HMAC<SHA256>.isValidAuthenticationCode(seal, authenticating: sealed, using: authentication)
        }
    }

    extension SealingKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
        /// The id only.
        public var description: String { "SealingKey(\(id))" }

        public var debugDescription: String { description }

        public var customMirror: Mirror { Mirror(self, children: ["id": id]) }
    }
#endif
