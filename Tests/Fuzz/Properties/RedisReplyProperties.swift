import HiredisClient
import NIOCore

/// What a Redis server may send: as for beanstalkd's replies, with the guard and hiredis taken together.
enum RedisReplyProperties {
    private static let limits: RedisReplyLimits = {
        var limits = RedisReplyLimits()
        limits.bulkLength = 64
        limits.replyLength = 512
        limits.elements = 32
        limits.lineLength = 96
        return limits
    }()

    private struct Verdict: Equatable {
        var values: [RedisValue] = []
        var error: RedisError.Code?
    }

    static func check(_ input: ByteBuffer) throws(PropertyViolation) -> Bool {
        let whole = try decode([input], limits: limits)
        let split = try decode(input.split(at: input.cut), limits: limits)
        guard whole == split else { throw PropertyViolation("\(whole), but \(split) when cut at \(input.cut)") }
        guard !whole.values.isEmpty else { return false }
        // An error that comes first may be a refusal of the connection.
        let values = [.status("OK")] + whole.values
        var written = ByteBuffer()
        for value in values { value.write(into: &written) }
        // Text that is not UTF-8 has become longer.
        let again = try decode([written], limits: RedisReplyLimits())
        guard again == Verdict(values: values) else {
            throw PropertyViolation("\(whole.values) was read again as \(again)")
        }
        return true
    }

    private static func decode(
        _ pieces: [ByteBuffer], limits: RedisReplyLimits
    ) throws(PropertyViolation) -> Verdict {
        var decoder = RedisReplyDecoder(limits: limits)
        var verdict = Verdict()
        for piece in pieces {
            decoder.feed(piece)
            do throws(RedisError) {
                while let value = try decoder.next() { verdict.values.append(value) }
            } catch {
                verdict.error = error.code
                guard error.code == .malformedReply || (verdict.values.isEmpty && error.serverPrefix != nil) else {
                    throw PropertyViolation("the error is \(error)")
                }
                decoder.feed(ByteBuffer(string: "+OK\r\n"))
                guard (try? decoder.next()) == nil else { throw PropertyViolation("something is read after an error") }
                break
            }
        }
        return verdict
    }
}

extension RedisValue {
    /// As a server sends it.
    fileprivate func write(into bytes: inout ByteBuffer) {
        switch self {
        case .null: bytes.writeString("$-1\r\n")
        case .integer(let number): bytes.writeString(":\(number)\r\n")
        case .bulk(let content):
            bytes.writeString("$\(content.readableBytes)\r\n")
            bytes.writeImmutableBuffer(content)
            bytes.writeString("\r\n")
        case .status(let text): bytes.writeString("+\(text)\r\n")
        case .error(let text): bytes.writeString("-\(text)\r\n")
        case .array(let elements):
            bytes.writeString("*\(elements.count)\r\n")
            for element in elements { element.write(into: &bytes) }
        }
    }
}
