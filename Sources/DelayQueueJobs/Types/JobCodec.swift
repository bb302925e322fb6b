import Foundation
public import NIOCore

/// Turns the values of job types into bodies, and back.
public protocol JobCodec: Sendable {
    /// What the header `content-type` says of bodies that this codec makes.
    var contentType: String { get }

    /// What it throws fails the scheduling of the job with `invalidBody`.
    func encode(_ value: some Encodable) throws -> ByteBuffer

    /// What it throws makes the job dead, since it would fail in the same way each time.
    func decode<Value: Decodable>(_ type: Value.Type, from body: ByteBuffer) throws -> Value
}

/// JSON as Foundation writes it, with sorted keys, so that the same value gives the same bytes: what an id of its own, and a schedule, rely on.
/// (Sets and dictionaries with other keys than strings have no order.)
public struct JSONJobCodec: JobCodec {
    public init() {}

    public var contentType: String { "application/json" }

    public func encode(_ value: some Encodable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return ByteBuffer(bytes: try encoder.encode(value))
    }

    public func decode<Value: Decodable>(_ type: Value.Type, from body: ByteBuffer) throws -> Value {
        try JSONDecoder().decode(type, from: Data(body.readableBytesView))
    }
}
