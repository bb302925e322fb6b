import Foundation

/// A file of its own that goes away with the closure.
package func withTemporaryFile<R>(_ contents: [UInt8], _ body: (String) async throws -> R) async throws -> R {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("dq-tests-\(UUID())").path
    try Data(contents).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}
