import Foundation

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

enum ThisProgram {
    /// Where it is, to be started once more.
    static var executable: FilePath {
        if let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            return FilePath(path)
        }
        return FilePath(Bundle.main.executablePath ?? CommandLine.arguments[0])
    }
}
