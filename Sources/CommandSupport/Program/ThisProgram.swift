import Foundation

#if canImport(System)
    package import System
#else
    package import SystemPackage
#endif

package enum ThisProgram {
    /// Where it is, to be started once more.
    package static var executable: FilePath {
        if let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            return FilePath(path)
        }
        return FilePath(Bundle.main.executablePath ?? CommandLine.arguments[0])
    }

    /// A program that was built with this one, which is in the same folder.
    ///
    /// - Throws: `CommandError` where there is none of that name.
    package static func neighbour(_ name: String) throws -> FilePath {
        let path = executable.removingLastComponent().appending(name)
        guard FileManager.default.isExecutableFile(atPath: path.string) else {
            throw CommandError("\(path.string) is needed: build \(name) too")
        }
        return path
    }
}
