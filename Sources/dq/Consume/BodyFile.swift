import Foundation

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// A job's body as a file without a name, to be a command's standard input.
///
/// Whoever reads it finds all of the body, whatever becomes of this process meanwhile: the rest of a pipe that its writer
/// left cannot be told from the end of the body.
enum BodyFile {
    /// - Returns: a descriptor at the file's beginning.
    /// - Throws: where there is no descriptor or no room left.
    static func open(_ body: [UInt8]) throws(CommandNotStarted) -> FileDescriptor {
        let name = "dq-\(ProcessInfo.processInfo.processIdentifier)-\(UInt64.random(in: .min ... .max))"
        let path = FilePath(FileManager.default.temporaryDirectory.path).appending(name)
        do {
            let file = try FileDescriptor.open(
                path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
            do {
                // What cannot be removed is a file too many, and no more.
                try? FileManager.default.removeItem(atPath: path.string)
                try file.writeAll(body)
                try file.seek(offset: 0, from: .start)
            } catch {
                try? file.close()
                throw error
            }
            return file
        } catch {
            throw CommandNotStarted(reason: error)
        }
    }
}
