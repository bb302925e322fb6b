/// Follows the framing of RESP2 replies and refuses what would be costly or wrong, before hiredis sees it.
///
/// hiredis 0.14 allocates arrays of any announced size and waits for bulks of any announced length. The guard is
/// fed the same bytes first, split anywhere, and tells how many of them are safe to pass on: the end of a header
/// it refuses is never among them, so hiredis never acts on that header.
struct RESPGuard: Sendable {
    enum Violation: Hashable, Sendable {
        case unknownType(UInt8)
        case badNumber
        case negativeLength
        case bulkTooLong
        case bulkNotTerminated
        case replyTooLong
        case tooManyElements
        case nestedTooDeeply
        case lineTooLong
        case strayLineEnd
    }

    /// What was found in a run of bytes.
    struct Scan: Equatable, Sendable {
        /// How many bytes, from the first, may be passed on.
        var accepted = 0
        /// How many replies end within the accepted bytes.
        var completed = 0
        /// Why the byte after the accepted ones, or one soon after it, is refused.
        var violation: Violation?
    }

    private enum Kind {
        case text, integer, bulk, array
    }

    private enum State {
        /// A reply, or an element of one, begins.
        case start
        case line(Kind, length: Int, number: RESPNumber, endsWithCR: Bool)
        /// The count includes the line end after the payload.
        case bulk(remaining: Int)
        case refused(Violation)
    }

    private var limits: RedisReplyLimits
    /// How many replies the first limits are for, and those after them.
    private var opening: (count: Int, later: RedisReplyLimits)
    private var state: State = .start
    /// For each open array, the outermost first, how many elements are to come.
    private var open: [Int] = []
    private var replyLength = 0
    private var elements = 0

    /// - Parameter openings: so many replies come first, and are short.
    init(limits: RedisReplyLimits = .init(), openings: Int = 0) {
        self.limits = openings > 0 ? limits.opening : limits
        self.opening = (openings, limits)
    }

    /// Goes on where the last run ended. After a violation nothing is accepted any more.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Scan {
        var scan = Scan()
        var position = 0
        while position < bytes.count {
            let violation: Violation?
            switch state {
            case .start:
                violation = begin(bytes[position])
                position += 1
            case .line(let kind, let length, let number, let endsWithCR):
                violation = continueLine(
                    bytes, &position, kind: kind, length: length, number: number, endsWithCR: endsWithCR, &scan)
            case .bulk(let remaining):
                violation = continueBulk(bytes, &position, remaining: remaining, &scan)
            case .refused(let earlier):
                violation = earlier
            }
            if let violation {
                state = .refused(violation)
                scan.violation = violation
                return scan
            }
        }
        scan.accepted = bytes.count
        return scan
    }

    private mutating func begin(_ type: UInt8) -> Violation? {
        let kind: Kind
        switch type {
        case UInt8(ascii: "+"), UInt8(ascii: "-"): kind = .text
        case UInt8(ascii: ":"): kind = .integer
        case UInt8(ascii: "$"): kind = .bulk
        case UInt8(ascii: "*"):
            guard open.count < limits.nesting else { return .nestedTooDeeply }
            kind = .array
        default: return .unknownType(type)
        }
        replyLength += 1
        state = .line(kind, length: 0, number: RESPNumber(), endsWithCR: false)
        return nil
    }

    private mutating func continueLine(
        _ bytes: UnsafeRawBufferPointer, _ position: inout Int,
        kind: Kind, length: Int, number: RESPNumber, endsWithCR: Bool, _ scan: inout Scan
    ) -> Violation? {
        var length = length
        var number = number
        var endsWithCR = endsWithCR
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            replyLength += 1
            if endsWithCR || byte == UInt8(ascii: "\n") {
                guard endsWithCR, byte == UInt8(ascii: "\n") else { return .strayLineEnd }
                return endLine(kind, number, at: position, &scan)
            }
            length += 1
            // The line's end is not part of its length, so a CR may still follow a line that is just long enough.
            guard length <= limits.lineLength + (byte == UInt8(ascii: "\r") ? 1 : 0) else { return .lineTooLong }
            if kind != .text, byte != UInt8(ascii: "\r") {
                guard number.append(byte) else { return .badNumber }
                if let violation = checkLength(kind, number.value) { return violation }
            }
            endsWithCR = byte == UInt8(ascii: "\r")
        }
        guard replyLength <= limits.replyLength else { return .replyTooLong }
        state = .line(kind, length: length, number: number, endsWithCR: endsWithCR)
        return nil
    }

    /// Refuses a length while its digits still arrive.
    private func checkLength(_ kind: Kind, _ value: Int64) -> Violation? {
        switch kind {
        case .text, .integer: nil
        case .bulk where value > limits.bulkLength: .bulkTooLong
        case .array where value > limits.elements: .tooManyElements
        case .bulk, .array: value < -1 ? .negativeLength : nil
        }
    }

    private mutating func endLine(
        _ kind: Kind, _ number: RESPNumber, at position: Int, _ scan: inout Scan
    ) -> Violation? {
        guard kind == .text || number.isComplete else { return .badNumber }
        guard replyLength <= limits.replyLength else { return .replyTooLong }
        let value = Int(number.value)
        if kind == .bulk, value >= 0 {
            guard replyLength + value + 2 <= limits.replyLength else { return .replyTooLong }
            state = .bulk(remaining: value + 2)
            scan.accepted = position
            return nil
        }
        if kind == .array, value > 0 {
            elements += value
            guard elements <= limits.elements else { return .tooManyElements }
            open.append(value)
            state = .start
            scan.accepted = position
            return nil
        }
        endElement(at: position, &scan)
        return nil
    }

    private mutating func continueBulk(
        _ bytes: UnsafeRawBufferPointer, _ position: inout Int, remaining: Int, _ scan: inout Scan
    ) -> Violation? {
        var remaining = remaining
        let payload = min(remaining - 2, bytes.count - position)
        if payload > 0 {
            position += payload
            replyLength += payload
            remaining -= payload
        }
        scan.accepted = position
        while remaining > 0, position < bytes.count {
            let expected = remaining == 2 ? UInt8(ascii: "\r") : UInt8(ascii: "\n")
            guard bytes[position] == expected else { return .bulkNotTerminated }
            position += 1
            replyLength += 1
            remaining -= 1
        }
        if remaining > 0 {
            state = .bulk(remaining: remaining)
        } else {
            endElement(at: position, &scan)
        }
        return nil
    }

    private mutating func endElement(at position: Int, _ scan: inout Scan) {
        scan.accepted = position
        state = .start
        while let remaining = open.popLast() {
            if remaining > 1 {
                open.append(remaining - 1)
                return
            }
        }
        scan.completed += 1
        if opening.count > 0 {
            opening.count -= 1
            if opening.count == 0 { limits = opening.later }
        }
        replyLength = 0
        elements = 0
    }
}

extension RESPGuard.Violation: CustomStringConvertible {
    var description: String {
        switch self {
        case .unknownType(0x15): "this is no Redis: it speaks TLS, and was spoken to without (rediss://)"
        case .unknownType(UInt8(ascii: ">")), .unknownType(UInt8(ascii: "|")):
            "the server sent what only RESP3 has, and RESP2 was spoken: a push or an attribute"
        case .unknownType(let byte): "this is no Redis: no reply begins with the byte \(byte)"
        case .badNumber: "a number is not a number"
        case .negativeLength: "a length is negative"
        case .bulkTooLong: "a bulk is longer than allowed"
        case .bulkNotTerminated: "a bulk is not followed by a line end"
        case .replyTooLong: "a reply is longer than allowed"
        case .tooManyElements: "a reply has more elements than allowed"
        case .nestedTooDeeply: "arrays are nested more deeply than allowed"
        case .lineTooLong: "a line is longer than allowed"
        case .strayLineEnd: "a line has half a line end in it"
        }
    }
}
