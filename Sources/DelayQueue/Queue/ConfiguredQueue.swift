#if Configuration
    import Configuration
    import PipelinedTransport

    /// Reads a queue's settings, and gathers what is wrong with them.
    struct ConfiguredQueue {
        private let config: ConfigReader
        private(set) var problems: [String] = []

        init(_ config: ConfigReader) {
            self.config = config
        }

        // MARK: The queue

        /// Where the queue is; nil where there is a problem with that.
        mutating func place(
            _ configuration: inout JobQueueConfiguration
        ) -> (name: String, nodes: [ServerAddress], ledger: String)? {
            if let url = text("url", isSecret: true) {
                for key in ["name", "nodes", "ledger"] where isThere(key) {
                    problems.append("url and \(key) are both there: leave \(key) out, as the url says it, or the url")
                }
                do {
                    let address = try JobQueueAddress(url)
                    address.apply(to: &configuration)
                    return (address.name, address.nodes, address.ledger)
                } catch {
                    problems.append("url: \(error.message)")
                    return nil
                }
            }
            let mend = "write name, nodes and ledger, or one url"
            let name = required("name", mend) { config throws in try config.requiredString(forKey: "name") }
            let ledger = required("ledger", mend, isSecret: true) { config throws in
                try config.requiredString(forKey: "ledger", isSecret: true)
            }
            let hosts = required("nodes", mend) { config throws in try config.requiredStringArray(forKey: "nodes") }
            let nodes = (hosts ?? []).enumerated().compactMap { index, host in
                let address = JobQueueAddress.node(host)
                if address == nil {
                    problems.append("nodes: the \(JobQueueAddress.ordinal(index)) is not \(JobQueueAddress.nodeWords)")
                }
                return address
            }
            guard let name, let ledger, hosts != nil else { return nil }
            return (name, nodes, ledger)
        }

        mutating func apply(to configuration: inout JobQueueConfiguration, _ ledger: inout RedisLedgerConfiguration) {
            number("copies", &configuration.copies)
            number("minimumWritten", &configuration.minimumWritten)
            number("maximumRecordSize", &configuration.maximumRecordSize)
            if let text = text("copyMode") {
                let mode = CopyMode.Value(rawValue: text)
                if let mode {
                    configuration.copyMode = CopyMode(mode)
                } else {
                    refuse("copyMode", "standby or together")
                }
            }
            duration("timing.lease", &configuration.timing.lease)
            duration("timing.retention", &configuration.timing.retention)
            duration("timing.retentionOfUnknownCopies", &configuration.timing.retentionOfUnknownCopies)
            duration("timing.grace", &configuration.timing.grace)
            duration("timing.timeToRun", &configuration.timing.timeToRun)
            connection("connectTimeout", \.connectTimeout, &configuration.connection, &ledger.connection)
            connection("lookupTimeout", \.lookupTimeout, &configuration.connection, &ledger.connection)
            connection("peerTimeout", \.peerTimeout, &configuration.connection, &ledger.connection)
            duration("ledgerTimeout", &ledger.timeout)
            if ledger.timeout <= .zero { refuse("ledgerTimeout", "more than 0") }
            seal(&configuration)
        }

        /// The ledger's stays the default where no key names it, as it does for a ledger that an address tells of.
        private mutating func connection(
            _ key: String, _ path: WritableKeyPath<ConnectionConfiguration, Duration>,
            _ nodes: inout ConnectionConfiguration, _ ledger: inout ConnectionConfiguration
        ) {
            guard let duration = duration("connection.\(key)") else { return }
            nodes[keyPath: path] = duration
            ledger[keyPath: path] = duration
        }

        #if Sealing
            private mutating func seal(_ configuration: inout JobQueueConfiguration) {
                var mode: KeyRing.Mode?
                let said = text("sealing.mode")
                switch said {
                case "sign": mode = .sign
                case "encrypt": mode = .encrypt
                case nil: break
                case _?: refuse("sealing.mode", "encrypt or sign")
                }
                do throws(DelayQueueError) {
                    if let keys = sealingKeys() {
                        configuration.keyRing = try KeyRing(
                            current: keys.current, previous: keys.previous, mode: mode ?? .encrypt)
                    } else if let keyRing = configuration.keyRing, let mode {
                        configuration.keyRing = try KeyRing(
                            current: keyRing.current, previous: keyRing.previous, mode: mode)
                    } else if configuration.keyRing == nil, said != nil, !isThere("sealing.keys") {
                        // A mistyped key must not leave jobs unprotected unnoticed.
                        problems.append(
                            "sealing.mode is there without sealing.keys: add keys, or leave the mode out")
                    }
                } catch {
                    problems.append("sealing.keys: \(error.message)")
                }
            }

            /// Nil where there are none, and where there is a problem with them.
            private mutating func sealingKeys() -> (current: SealingKey, previous: [SealingKey])? {
                guard let lines = texts("sealing.keys", isSecret: true) else { return nil }
                var keys: [SealingKey] = []
                for (index, line) in lines.enumerated() {
                    let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                    // The key's own error tells its id, which is the secret where the two are in the wrong order.
                    guard parts.count == 2, let key = try? SealingKey(id: String(parts[0]), base64: String(parts[1]))
                    else {
                        problems.append(
                            "sealing.keys: the \(JobQueueAddress.ordinal(index)) is not \(Self.keyWords)")
                        return nil
                    }
                    keys.append(key)
                }
                guard let current = keys.first else {
                    refuse("sealing.keys", "a list of id:secret: it is empty")
                    return nil
                }
                return (current, Array(keys.dropFirst()))
            }

            private static let keyWords =
                "id:secret, with an id of 1 to \(SealingKey.maximumIDLength) letters, digits or . _ - and a secret of at "
                + "least \(SealingKey.minimumSecretLength) bytes in base64"
        #else
            private mutating func seal(_ configuration: inout JobQueueConfiguration) {
                for key in ["sealing.keys", "sealing.mode"] where isThere(key) {
                    problems.append("\(key) is there, and this program was built without the trait Sealing")
                }
            }
        #endif

        // MARK: Values

        private mutating func number(_ key: String, _ value: inout Int) {
            value =
                optional(key, "a whole number") { config, key throws in try config.requiredInt(forKey: key) } ?? value
        }

        private mutating func duration(_ key: String, _ value: inout Duration) {
            value = duration(key) ?? value
        }

        private mutating func duration(_ key: String) -> Duration? {
            guard let text = text(key) else { return nil }
            let duration = JobQueueAddress.duration(text)
            if duration == nil { refuse(key, JobQueueAddress.durationWords) }
            return duration
        }

        private mutating func text(_ key: String, isSecret: Bool = false) -> String? {
            optional(key, "a text", isSecret: isSecret) { config, key throws in
                try config.requiredString(forKey: key, isSecret: isSecret)
            }
        }

        private mutating func texts(_ key: String, isSecret: Bool = false) -> [String]? {
            optional(key, "a list of texts", isSecret: isSecret) { config, key throws in
                try config.requiredStringArray(forKey: key, isSecret: isSecret)
            }
        }

        /// A value that cannot be read is told, and not taken for one that is not there.
        private mutating func optional<Value>(
            _ key: String, _ words: String, isSecret: Bool = false, _ read: (ConfigReader, ConfigKey) throws -> Value
        ) -> Value? {
            do {
                return try read(config, ConfigKey(key))
            } catch {
                switch Failure(error) {
                case .missing: break
                case .otherType: refuse(key, words)
                case .unreadable: problems.append("\(key) cannot be read: \(Self.words(error, isSecret: isSecret))")
                }
                return nil
            }
        }

        private mutating func required<Value>(
            _ key: String, _ mend: String, isSecret: Bool = false, _ read: (ConfigReader) throws -> Value
        ) -> Value? {
            do {
                return try read(config)
            } catch {
                // Where it is missing this tells the whole key, with what the reader is scoped to.
                problems.append("\(key): \(Self.words(error, isSecret: isSecret)) (\(mend))")
                return nil
            }
        }

        private mutating func refuse(_ key: String, _ words: String) {
            problems.append("\(key) is not \(words)")
        }

        /// Whether there is a value, of whatever type, or one that cannot be read.
        private func isThere(_ key: String) -> Bool {
            do {
                _ = try config.requiredString(forKey: ConfigKey(key), isSecret: true)
                return true
            } catch {
                return Failure(error) != .missing
            }
        }

        /// What an error of the provider says may have a part of what was read in it.
        private static func words(_ error: any Error, isSecret: Bool) -> String {
            isSecret && Failure(error) == .unreadable ? "its provider threw \(type(of: error))" : "\(error)"
        }

        /// Why a reader had no value to give. Its errors are no type that others see, so they are told by how they begin; one
        /// that begins otherwise counts as unreadable, and is told.
        private enum Failure {
            case missing, otherType, unreadable

            init(_ error: any Error) {
                let text = "\(error)"
                self =
                    if text.hasPrefix("Missing required config value") {
                        .missing
                    } else if text.hasPrefix("Config value for key") || text.hasPrefix("UnwrapError(") {
                        .otherType
                    } else {
                        .unreadable
                    }
            }
        }
    }
#endif
