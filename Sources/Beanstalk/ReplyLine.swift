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

        /// What is said in place of bytes that were skipped; nil where they may not be.
        var unread: BeanstalkReply? {
            switch kind {
            case .reserved: .reservedUnread(BeanstalkJobID(id), size: size)
            case .found: .foundUnread(BeanstalkJobID(id), size: size)
            case .ok: nil
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

/// So that a word can be switched over.
private func ~= (text: StaticString, word: UnsafeRawBufferPointer) -> Bool {
    word.equals(text)
}
