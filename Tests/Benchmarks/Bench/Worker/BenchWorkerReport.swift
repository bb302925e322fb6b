import CommandSupport
import Foundation

/// What a worker tells of itself.
struct BenchWorkerReport: Codable, Sendable {
    var delivered: Int
    /// Of all ids, wrapping around.
    var checksum: UInt64
    /// Since the process began.
    var cpuMicroseconds: Int
    /// Resident now, in bytes.
    var memory: Int
    var peakMemory: Int

    var cpu: Duration { .microseconds(cpuMicroseconds) }

    var line: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Whole numbers only: there is nothing in it that could not be encoded.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// - Throws: `CommandError`.
    init(line: String) throws {
        do {
            self = try JSONDecoder().decode(BenchWorkerReport.self, from: Data(line.utf8))
        } catch {
            throw CommandError("a worker said: \(PrintableText.line(line, limit: 200))")
        }
    }

    init(delivered: Int, checksum: UInt64, cpuMicroseconds: Int, memory: Int, peakMemory: Int) {
        self.delivered = delivered
        self.checksum = checksum
        self.cpuMicroseconds = cpuMicroseconds
        self.memory = memory
        self.peakMemory = peakMemory
    }
}
