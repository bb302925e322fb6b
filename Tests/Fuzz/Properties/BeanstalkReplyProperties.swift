import Beanstalk
import NIOCore

/// What a beanstalkd server may send: it means the same however it is split, costs no more than the limits say, ends in
/// an error for good or in nothing, and every reply read can be written and read again.
enum BeanstalkReplyProperties {
    private static let maximumBodySize = 64
    private static let maximumLineLength = 96
    /// What a decoder may hold beside the bytes it was just fed.
    private static let maximumCapacity = 1024

    private struct Verdict: Equatable {
        var replies: [BeanstalkReply] = []
        var failed = false
    }

    static func check(_ input: ByteBuffer) throws(PropertyViolation) -> Bool {
        let whole = try decode([input])
        let split = try decode(input.split(at: input.cut))
        guard whole == split else { throw PropertyViolation("\(whole), but \(split) when cut at \(input.cut)") }
        guard !whole.replies.isEmpty else { return false }
        var written = ByteBuffer()
        for reply in whole.replies { reply.write(into: &written) }
        let again = try decode([written])
        guard again == Verdict(replies: whole.replies) else {
            throw PropertyViolation("\(whole.replies) was read again as \(again)")
        }
        return true
    }

    private static func decode(_ pieces: [ByteBuffer]) throws(PropertyViolation) -> Verdict {
        var decoder = BeanstalkReplyDecoder(
            maximumBodySize: maximumBodySize, maximumTextSize: maximumBodySize, maximumLineLength: maximumLineLength)
        var verdict = Verdict()
        var largest = 0
        for piece in pieces {
            decoder.feed(piece)
            largest = max(largest, piece.storageCapacity)
            do throws(BeanstalkError) {
                while let reply = try decoder.next() { verdict.replies.append(reply) }
            } catch {
                verdict.failed = true
                guard error.code == .malformedReply else { throw PropertyViolation("the error is \(error)") }
                guard decoder.bufferedCapacity == 0, (try? decoder.next()) == nil else {
                    throw PropertyViolation("something is left after an error")
                }
            }
            guard decoder.bufferedCapacity <= max(maximumCapacity, largest) else {
                throw PropertyViolation("\(decoder.bufferedCapacity) bytes are held")
            }
        }
        return verdict
    }
}

extension BeanstalkReply {
    /// As a server sends it.
    fileprivate func write(into bytes: inout ByteBuffer) {
        bytes.writeString(word)
        switch self {
        case .inserted(let id), .buried(let id?): bytes.writeString(" \(id)")
        case .using(let tube): bytes.writeString(" \(tube)")
        case .watching(let count?): bytes.writeString(" \(count)")
        case .kicked(let count?): bytes.writeString(" \(count)")
        case .reserved(let id, let body), .found(let id, let body):
            bytes.writeString(" \(id) \(body.readableBytes)\r\n")
            bytes.writeImmutableBuffer(body)
        case .reservedUnread(let id, let size), .foundUnread(let id, let size):
            bytes.writeString(" \(id) \(size)\r\n")
            bytes.writeRepeatingByte(0, count: size)
        case .ok(let body):
            bytes.writeString(" \(body.readableBytes)\r\n")
            bytes.writeImmutableBuffer(body)
        default: break
        }
        bytes.writeString("\r\n")
    }
}
