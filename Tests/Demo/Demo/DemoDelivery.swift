import CommandSupport
import DelayQueue
import Foundation
import NIOCore

/// A job as a consumer process printed it.
struct DemoDelivery: Equatable {
    var id: String
    var body: ByteBuffer
    var deliveredAt: Timestamp
}

extension DemoDelivery {
    /// - Throws: `CommandError` where the line is not what `dq consume --json --timestamps` prints.
    init(parsing line: String) throws {
        do {
            let fields = try JSONDecoder().decode(Fields.self, from: Data(line.utf8))
            id = fields.id
            deliveredAt = try DateText.parse(fields.deliveredAt)
            if let text = fields.body {
                body = ByteBuffer(string: text)
            } else if let bytes = fields.bodyBase64.flatMap({ Data(base64Encoded: $0) }) {
                body = ByteBuffer(bytes: bytes)
            } else {
                throw InvalidText("no body")
            }
        } catch {
            throw CommandError("a consumer printed what is no job: \(PrintableText.line(line, limit: 200))")
        }
    }

    private struct Fields: Decodable {
        var id: String
        var body: String?
        var bodyBase64: String?
        var deliveredAt: String
    }
}
