import NIOCore

/// One line of a server: a whole reply, or the announcement of a body.
enum ReplyLine {
    case complete(BeanstalkReply)
    case body(Body)

    struct Body {
        enum Kind { case reserved, found, ok }

        var kind: Kind
        /// 0 where there is none.
        var id: UInt64
        var size: Int

        func reply(_ bytes: ByteBuffer) -> BeanstalkReply {
            switch kind {
            case .reserved: .reserved(BeanstalkJobID(id), bytes)
            case .found: .found(BeanstalkJobID(id), bytes)
            case .ok: .ok(bytes)
            }
        }
    }

    /// - Parameter line: the bytes up to and including the line feed.
    /// - Returns: nil where the line is no reply.
    init?(parsing line: UnsafeRawBufferPointer) {
        var reader = LineReader(line)
        guard reader.dropLineEnd() else { return nil }
        let word = reader.word()
        if reader.isAtEnd {
            guard let reply = Self.reply(word) else { return nil }
            self = .complete(reply)
        } else if let kind = Self.bodyKind(word) {
            var id: UInt64 = 0
            if kind != .ok {
                guard let number = reader.number() else { return nil }
                id = number
            }
            guard let size = reader.number().flatMap(Int.init(exactly:)), reader.isAtEnd else { return nil }
            self = .body(Body(kind: kind, id: id, size: size))
        } else {
            guard let reply = Self.reply(word, &reader), reader.isAtEnd else { return nil }
            self = .complete(reply)
        }
    }

    private static func bodyKind(_ word: UnsafeRawBufferPointer) -> Body.Kind? {
        if word.equals("RESERVED") { return .reserved }
        if word.equals("OK") { return .ok }
        if word.equals("FOUND") { return .found }
        return nil
    }

    /// Replies that are one word.
    private static func reply(_ word: UnsafeRawBufferPointer) -> BeanstalkReply? {
        switch word {
        case "DELETED": .deleted
        case "TIMED_OUT": .timedOut
        case "RELEASED": .released
        case "TOUCHED": .touched
        case "NOT_FOUND": .notFound
        case "DEADLINE_SOON": .deadlineSoon
        case "BURIED": .buried(nil)
        case "KICKED": .kicked(nil)
        case "PAUSED": .paused
        case "DRAINING": .draining
        case "WATCHING": .watching(nil)
        case "BAD_FORMAT": .badFormat
        case "JOB_TOO_BIG": .jobTooBig
        case "NOT_IGNORED": .notIgnored
        case "EXPECTED_CRLF": .expectedCRLF
        case "OUT_OF_MEMORY": .outOfMemory
        case "INTERNAL_ERROR": .internalError
        case "UNKNOWN_COMMAND": .unknownCommand
        default: nil
        }
    }

    /// Replies that are a word and one argument.
    private static func reply(_ word: UnsafeRawBufferPointer, _ reader: inout LineReader) -> BeanstalkReply? {
        if word.equals("INSERTED") { return reader.number().map { .inserted(BeanstalkJobID($0)) } }
        if word.equals("BURIED") { return reader.number().map { .buried(BeanstalkJobID($0)) } }
        if word.equals("KICKED") { return reader.number().map { .kicked($0) } }
        if word.equals("WATCHING") { return reader.number().flatMap(UInt32.init(exactly:)).map { .watching($0) } }
        if word.equals("USING") { return TubeName(bytes: reader.word()).map { .using($0) } }
        return nil
    }
}

/// Reads the words of a line, which one space each separates.
private struct LineReader {
    private var rest: UnsafeRawBufferPointer

    init(_ line: UnsafeRawBufferPointer) {
        self.rest = line
    }

    /// - Returns: false where the line does not end in CR LF.
    mutating func dropLineEnd() -> Bool {
        guard rest.count >= 2, rest[rest.count - 2] == UInt8(ascii: "\r") else { return false }
        rest = UnsafeRawBufferPointer(rebasing: rest[..<(rest.count - 2)])
        return true
    }

    /// Whether all was read; a space at the end leaves one empty word.
    private(set) var isAtEnd = false

    mutating func word() -> UnsafeRawBufferPointer {
        var end = 0
        while end < rest.count, rest[end] != UInt8(ascii: " ") { end += 1 }
        let word = UnsafeRawBufferPointer(rebasing: rest[..<end])
        isAtEnd = end == rest.count
        rest = UnsafeRawBufferPointer(rebasing: rest[(isAtEnd ? end : end + 1)...])
        return word
    }

    /// - Returns: nil where the next word is not all digits, or is over 64 bits.
    mutating func number() -> UInt64? {
        let digits = word()
        // The largest 64-bit number has 20 digits.
        guard (1...20).contains(digits.count) else { return nil }
        var value: UInt64 = 0
        for byte in digits {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (product, productOverflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, sumOverflows) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            if productOverflows || sumOverflows { return nil }
            value = sum
        }
        return value
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { expected in
            var index = 0
            while index < expected.count {
                if self[index] != expected[index] { return false }
                index += 1
            }
            return true
        }
    }
}

/// So that a word can be switched over.
private func ~= (text: StaticString, word: UnsafeRawBufferPointer) -> Bool {
    word.equals(text)
}
