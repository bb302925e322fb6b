import Foundation

/// Finds the programs of this package, which are built into the folder of the tests.
package enum BuiltProgram {
    package struct NotFound: Error {
        var candidates: [String]
    }

    package static func path(_ name: String) throws -> String {
        let bundles = [Bundle.main] + Bundle.allBundles
        let folders = bundles.flatMap { [$0.bundleURL, $0.bundleURL.deletingLastPathComponent()] }
        let candidates = folders.map { $0.appendingPathComponent(name).path }
        guard let path = candidates.first(where: FileManager.default.isExecutableFile) else {
            throw NotFound(candidates: candidates)
        }
        return path
    }
}
