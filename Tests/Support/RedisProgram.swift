import DelayQueueTestKit
import Foundation

/// The program that tests run as Redis, which need not be the latest (`DQ_REDIS_SERVER`).
package enum RedisProgram {
    /// Its version, as Redis counts: Valkey 8 comes after Redis 7. What cannot be told counts as the latest.
    private static let version: (major: Int, minor: Int) = {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [RedisOptions().executable, "--version"]
        let output = Pipe()
        process.standardOutput = output
        guard (try? process.run()) != nil else { return (.max, 0) }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard let match = text.firstMatch(of: /v=(\d+)\.(\d+)/), let major = Int(match.1), let minor = Int(match.2)
        else {
            return (.max, 0)
        }
        return (major, minor)
    }()

    /// Whether it has what came with a version; tests of that are left out otherwise.
    package static func isAtLeast(_ major: Int, _ minor: Int = 0) -> Bool { version >= (major, minor) }
}
