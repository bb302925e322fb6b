import Foundation
import FuzzProperties
import NIOCore
import Testing

/// A million inputs in every test run; `./dev fuzz` looks further.
@Suite(.timeLimit(.minutes(4))) struct SeededFuzzTests {
    private static func samples(of target: FuzzTarget) throws -> [[UInt8]] {
        let folder = try #require(Bundle.module.url(forResource: "Corpus", withExtension: nil))
            .appending(path: target.rawValue)
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { Array(try Data(contentsOf: $0)) }
    }

    /// The samples are what `./dev fuzz` begins with, too.
    @Test(arguments: FuzzTarget.allCases)
    func `samples keep every promise`(_ target: FuzzTarget) throws {
        for sample in try Self.samples(of: target) { try target.check(ByteBuffer(bytes: sample)) }
    }

    private static let more: [(FuzzTarget, Int)] = [(.statistics, 30_000), (.information, 30_000), (.files, 10_000)]

    @Test(arguments: [(FuzzTarget.beanstalk, 450_000), (.resp, 450_000), (.envelope, 100_000), (.text, 30_000)] + more)
    func `whatever arrives, readers keep their promises`(_ target: FuzzTarget, count: Int) throws {
        var inputs = DamagedInputs(samples: try Self.samples(of: target), seed: 20_261_123)
        var accepted = 0
        for number in 0..<count {
            let input = inputs.next()
            do throws(PropertyViolation) {
                if try target.check(input) { accepted += 1 }
            } catch {
                Issue.record("input \(number), \(Array(input.readableBytesView)): \(error)")
                return
            }
        }
        // The inputs reach both ends: many are read, many are refused.
        #expect(accepted > count / 20 && accepted < count * 19 / 20)
    }
}
