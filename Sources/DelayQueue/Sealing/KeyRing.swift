#if Sealing
    /// The keys that records are sealed and opened with.
    ///
    /// A producer seals with the current key. A consumer opens what any of the keys has sealed, in either mode. To
    /// rotate: give consumers the new key among the previous ones, then make it current everywhere, and drop the old
    /// one once no job sealed with it is left.
    public struct KeyRing: Sendable {
        /// What a seal does to the job's headers and body.
        public struct Mode: Hashable, Sendable, CustomStringConvertible {
            let value: SealMode

            /// Nobody without the key can read, change or make them.
            public static let encrypt = Mode(value: .encrypt)

            /// Everybody can read them; nobody without the key can change or make them.
            public static let sign = Mode(value: .sign)

            public var description: String { value.rawValue }
        }

        /// Seals new records.
        public let current: SealingKey

        /// Open records sealed earlier, or elsewhere.
        public let previous: [SealingKey]

        /// How new records are sealed.
        public let mode: Mode

        /// - Throws: `invalidConfiguration` where two keys have one id.
        public init(
            current: SealingKey, previous: [SealingKey] = [], mode: Mode = .encrypt
        ) throws(DelayQueueError) {
            var seen: Set<String> = []
            for key in [current] + previous where !seen.insert(key.id).inserted {
                throw DelayQueueError(
                    .invalidConfiguration, "the key ring has two keys with the id \(key.id); give each secret its own")
            }
            self.current = current
            self.previous = previous
            self.mode = mode
        }

        func key(id: String) -> SealingKey? {
            current.id == id ? current : previous.first { $0.id == id }
        }
    }

    extension KeyRing: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
        /// The keys' ids, the current one first, and the mode.
        public var description: String {
            "KeyRing(\(([current] + previous).map(\.id).joined(separator: ", ")); \(mode))"
        }

        public var debugDescription: String { description }

        public var customMirror: Mirror {
            Mirror(self, children: ["keys": ([current] + previous).map(\.id), "mode": mode.description])
        }
    }
#endif
