import Foundation
import Testing

/// Finds the programs of this package, which are built into the folder of the tests.
enum BuiltProgram {
    static func path(_ name: String) throws -> String {
        let bundles = [Bundle.main] + Bundle.allBundles
        let folders = bundles.flatMap { [$0.bundleURL, $0.bundleURL.deletingLastPathComponent()] }
        let candidates = folders.map { $0.appendingPathComponent(name).path }
        return try #require(
            candidates.first { FileManager.default.isExecutableFile(atPath: $0) }, "no \(name) in \(candidates)")
    }
}
