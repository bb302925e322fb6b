public import NIOCore

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

extension Data: JobBody {
    public func write(into buffer: inout ByteBuffer) { buffer.writeBytes(self) }
}

/// A value as JSON, encoded when the body is made.
public struct JSONBody: JobBody {
    private let encoded: Result<Data, any Error>

    /// - Parameter value: need not be `Sendable`: only its bytes are kept.
    public init(_ value: some Encodable, encoder: JSONEncoder = JSONEncoder()) {
        encoded = Result { try encoder.encode(value) }
    }

    public func write(into buffer: inout ByteBuffer) throws {
        try encoded.get().write(into: &buffer)
    }

    public var defaultContentType: String? { "application/json" }
}

extension JobBody where Self == JSONBody {
    /// The value as JSON, with the content type `application/json`.
    ///
    /// A value that does not encode fails the scheduling of the job with `invalidBody`.
    public static func json(_ value: some Encodable, encoder: JSONEncoder = JSONEncoder()) -> JSONBody {
        JSONBody(value, encoder: encoder)
    }
}
