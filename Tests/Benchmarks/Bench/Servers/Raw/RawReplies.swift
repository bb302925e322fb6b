import CommandSupport

/// Reads just enough of replies to count them, and to name what was reserved.
enum RawReplies {
    /// One reply of one line that begins as expected, once it is whole.
    static func line(
        _ bytes: UnsafeRawBufferPointer, beginningWith expected: StaticString
    ) throws -> (bytes: Int, replies: Int) {
        guard let end = lineEnd(bytes, from: 0) else { return (0, 0) }
        let isExpected = expected.withUTF8Buffer { expected in
            bytes.count >= expected.count && zip(bytes, expected).allSatisfy { $0 == $1 }
        }
        guard isExpected else { throw unexpected(bytes, at: 0) }
        return (end, 1)
    }

    /// `INSERTED id`, `RESERVED id size` with its body, `DELETED`, in any mixture.
    ///
    /// - Parameter onJob: told each id stored or reserved.
    static func node(
        _ bytes: UnsafeRawBufferPointer, onJob: (UInt64) -> Void, onDeleted: () -> Void = {}
    ) throws -> (bytes: Int, replies: Int) {
        var taken = 0
        var replies = 0
        while let end = lineEnd(bytes, from: taken) {
            switch bytes[taken] {
            case UInt8(ascii: "I"):
                onJob(number(bytes, from: taken + 9).value)
            case UInt8(ascii: "D"):
                onDeleted()
            case UInt8(ascii: "R"):
                let id = number(bytes, from: taken + 9)
                let size = number(bytes, from: id.end + 1)
                let bodyEnd = end + Int(size.value) + 2
                guard bodyEnd <= bytes.count else { return (taken, replies) }
                onJob(id.value)
                taken = bodyEnd
                replies += 1
                continue
            default:
                throw unexpected(bytes, at: taken)
            }
            taken = end
            replies += 1
        }
        return (taken, replies)
    }

    /// Bulk strings without line ends in them, each beginning as one of those expected.
    static func bulks(_ bytes: UnsafeRawBufferPointer) throws -> (bytes: Int, replies: Int) {
        var taken = 0
        var replies = 0
        while let header = lineEnd(bytes, from: taken), let end = lineEnd(bytes, from: header) {
            guard bytes[taken] == UInt8(ascii: "$") else { throw unexpected(bytes, at: taken) }
            // `granted …` to a claim, `settled` to a completion: anything else measures something else.
            guard bytes[header] == UInt8(ascii: "g") || bytes[header] == UInt8(ascii: "s") else {
                throw unexpected(bytes, at: header)
            }
            taken = end
            replies += 1
        }
        return (taken, replies)
    }

    /// - Returns: the position after the next line end.
    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var position = start
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "\n") { return position + 1 }
            position += 1
        }
        return nil
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, from start: Int) -> (value: UInt64, end: Int) {
        var value: UInt64 = 0
        var position = start
        while position < bytes.count, bytes[position] >= UInt8(ascii: "0"), bytes[position] <= UInt8(ascii: "9") {
            value = value &* 10 &+ UInt64(bytes[position] - UInt8(ascii: "0"))
            position += 1
        }
        return (value, position)
    }

    private static func unexpected(_ bytes: UnsafeRawBufferPointer, at start: Int) -> CommandError {
        let line = bytes[start...].prefix { $0 != UInt8(ascii: "\r") }.prefix(80)
        return CommandError("a server answered a bare socket with '\(String(decoding: line, as: UTF8.self))'")
    }
}
