#if Sealing
    package import DelayQueue
    import Foundation

    /// A file of keys: `id:secret` a line, the secret in base64, the first key current. Empty lines and those that
    /// begin with `#` count for nothing.
    package struct KeyFile {
        package let keys: [SealingKey]

        /// - Throws: `InvalidText`, which names lines by their number and quotes nothing of them.
        init(path: String) throws(InvalidText) {
            guard let text = String(validating: try ProtectedFile(path: path).contents, as: UTF8.self) else {
                throw InvalidText("\(path) is no file of keys")
            }
            try self.init(text: text, name: path)
        }

        package init(text: String, name: String) throws(InvalidText) {
            var keys: [SealingKey] = []
            for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
            {
                let line = line.trimmingCharacters(in: .whitespaces)
                if line.isEmpty || line.hasPrefix("#") { continue }
                let place = "line \(index + 1) of \(name)"
                guard let colon = line.firstIndex(of: ":") else { throw InvalidText("\(place) is not id:secret") }
                let id = String(line[..<colon])
                // The two may be swapped, so that an id that is none is not repeated either.
                guard (1...SealingKey.maximumIDLength).contains(id.utf8.count) else {
                    throw InvalidText(
                        "\(place) does not begin with an id of 1 to \(SealingKey.maximumIDLength) characters")
                }
                do throws(DelayQueueError) {
                    keys.append(try SealingKey(id: id, base64: String(line[line.index(after: colon)...])))
                } catch {
                    throw InvalidText(
                        "\(place) is not id:secret, with at least 32 bytes in base64 and an id of A-Z a-z 0-9 . _ -")
                }
            }
            guard !keys.isEmpty else { throw InvalidText("\(name) has no key; 'dq key' makes one") }
            self.keys = keys
        }

        /// - Throws: `InvalidText` where two keys have one id.
        func ring(mode: KeyRing.Mode) throws(InvalidText) -> KeyRing {
            do {
                return try KeyRing(current: keys[0], previous: Array(keys.dropFirst()), mode: mode)
            } catch {
                throw InvalidText(error.message)
            }
        }
    }
#endif
