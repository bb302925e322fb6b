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
                for key in ["name", "nodes", "ledger"] where isThere(ConfigKey(key)) {
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
            let ledger = required("ledger", mend) { config throws in
                try config.requiredString(forKey: "ledger", isSecret: true)
            }
            let hosts = required("nodes", mend) { config throws in try config.requiredStringArray(forKey: "nodes") }
            let nodes = (hosts ?? []).compactMap { host in
                let address = ServerAddress(parsing: host[...], defaultPort: BeanstalkNode.defaultPort)
                if address == nil {
                    problems.append("nodes: \(host.debugDescription) is not host, host:port or [IPv6]:port")
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
            duration("connection.connectTimeout", &configuration.connection.connectTimeout)
            duration("connection.lookupTimeout", &configuration.connection.lookupTimeout)
            duration("connection.peerTimeout", &configuration.connection.peerTimeout)
            ledger.connection.connectTimeout = configuration.connection.connectTimeout
            ledger.connection.lookupTimeout = configuration.connection.lookupTimeout
            ledger.connection.peerTimeout = configuration.connection.peerTimeout
            duration("ledgerTimeout", &ledger.timeout)
            seal(&configuration)
        }

        #if Sealing
            private mutating func seal(_ configuration: inout JobQueueConfiguration) {
                var mode = KeyRing.Mode.encrypt
                switch text("sealing.mode") {
                case "sign": mode = .sign
                case "encrypt", nil: break
                case _?: refuse("sealing.mode", "encrypt or sign")
                }
                guard let lines = texts("sealing.keys", isSecret: true) else { return }
                do throws(DelayQueueError) {
                    var keys: [SealingKey] = []
                    for line in lines {
                        let parts = line.split(separator: ":", maxSplits: 1)
                        guard parts.count == 2 else { return refuse("sealing.keys", "a list of id:secret") }
                        keys.append(try SealingKey(id: String(parts[0]), base64: String(parts[1])))
                    }
                    // What it should protect must not go unprotected unnoticed.
                    guard let current = keys.first else {
                        return refuse("sealing.keys", "a list of id:secret: it is empty")
                    }
                    configuration.keyRing = try KeyRing(
                        current: current, previous: Array(keys.dropFirst()), mode: mode)
                } catch {
                    problems.append("sealing.keys: \(error.message)")
                }
            }
        #else
            private mutating func seal(_ configuration: inout JobQueueConfiguration) {
                for key in ["sealing.keys", "sealing.mode"] where isThere(ConfigKey(key)) {
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
            guard let text = text(key) else { return }
            if let duration = JobQueueAddress.duration(text) {
                value = duration
            } else {
                refuse(key, JobQueueAddress.durationWords)
            }
        }

        private mutating func text(_ key: String, isSecret: Bool = false) -> String? {
            optional(key, "a text") { config, key throws in
                try config.requiredString(forKey: key, isSecret: isSecret)
            }
        }

        private mutating func texts(_ key: String, isSecret: Bool = false) -> [String]? {
            optional(key, "a list of texts") { config, key throws in
                try config.requiredStringArray(forKey: key, isSecret: isSecret)
            }
        }

        /// A value that cannot be read is told, and not taken for one that is not there.
        private mutating func optional<Value>(
            _ key: String, _ words: String, _ read: (ConfigReader, ConfigKey) throws -> Value
        ) -> Value? {
            do {
                return try read(config, ConfigKey(key))
            } catch {
                if isThere(ConfigKey(key)) { refuse(key, words) }
                return nil
            }
        }

        private mutating func required<Value>(
            _ key: String, _ mend: String, _ read: (ConfigReader) throws -> Value
        ) -> Value? {
            do {
                return try read(config)
            } catch {
                // Where it is missing this tells the whole key, with what the reader is scoped to.
                problems.append("\(key): \(error) (\(mend))")
                return nil
            }
        }

        private mutating func refuse(_ key: String, _ words: String) {
            problems.append("\(key) is not \(words)")
        }

        /// Whether there is a value, of whatever type: a reader that finds another type than it is asked for says no more than
        /// one that finds nothing.
        private func isThere(_ key: ConfigKey) -> Bool {
            config.string(forKey: key, isSecret: true) != nil || config.int(forKey: key, isSecret: true) != nil
                || config.double(forKey: key, isSecret: true) != nil || config.bool(forKey: key, isSecret: true) != nil
                || config.stringArray(forKey: key, isSecret: true) != nil
                || config.intArray(forKey: key, isSecret: true) != nil
        }
    }
#endif
