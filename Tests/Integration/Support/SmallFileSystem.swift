import Foundation
import Subprocess

/// A file system in memory that is soon full.
enum SmallFileSystem {
    struct MountFailed: Error {}

    static var isPossible: Bool {
        get async { (try? await mounted(bytes: 1 << 16) { _ in true }) ?? false }
    }

    /// Mounts one for the body, and takes it away whatever its end.
    static func mounted<R>(bytes: Int, _ body: (String) async throws -> R) async throws -> R {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dq-small-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        guard await succeeds("mount", ["-t", "tmpfs", "-o", "size=\(bytes)", "tmpfs", folder]) else {
            throw MountFailed()
        }
        let result: Result<R, any Error>
        do {
            result = .success(try await body(folder))
        } catch {
            result = .failure(error)
        }
        _ = await succeeds("umount", ["-l", folder])
        return try result.get()
    }

    private static func succeeds(_ command: String, _ arguments: [String]) async -> Bool {
        let result = try? await run(
            .name(command), arguments: Arguments(arguments), output: .discarded, error: .discarded)
        return result?.terminationStatus.isSuccess ?? false
    }
}
