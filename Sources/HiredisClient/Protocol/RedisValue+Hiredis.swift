import CHiredis
import NIOCore

extension RedisValue {
    /// The RESP3 kinds, which only hiredis 1.0 and later name. No server sends them to a connection that never
    /// said HELLO, so they are mapped to the nearest older kind and not told apart.
    private enum LaterKind {
        static let double: Int32 = 7
        static let bool: Int32 = 8
        static let map: Int32 = 9
        static let set: Int32 = 10
        static let attribute: Int32 = 11
        static let push: Int32 = 12
        static let bigNumber: Int32 = 13
        static let verbatim: Int32 = 14
    }

    /// Copies a reply out of hiredis's memory; nil where hiredis made a kind nobody knows.
    init?(copying reply: redisReply) {
        switch reply.type {
        case REDIS_REPLY_NIL:
            self = .null
        case REDIS_REPLY_INTEGER, LaterKind.bool:
            self = .integer(Int64(reply.integer))
        case REDIS_REPLY_STRING, LaterKind.verbatim:
            self = .bulk(ByteBuffer(bytes: Self.bytes(of: reply)))
        case REDIS_REPLY_STATUS, LaterKind.double, LaterKind.bigNumber:
            self = .status(String(decoding: Self.bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_ERROR:
            self = .error(String(decoding: Self.bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_ARRAY, LaterKind.map, LaterKind.set, LaterKind.attribute, LaterKind.push:
            var elements: [RedisValue] = []
            let count = Int(reply.elements)
            elements.reserveCapacity(count)
            for index in 0..<count {
                // The recursion is as deep as the reply is nested, which is bounded before hiredis sees it.
                guard let element = reply.element?[index], let value = RedisValue(copying: element.pointee) else {
                    return nil
                }
                elements.append(value)
            }
            self = .array(elements)
        default:
            return nil
        }
    }

    private static func bytes(of reply: redisReply) -> UnsafeRawBufferPointer {
        guard let start = reply.str else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: start, count: Int(reply.len))
    }
}
