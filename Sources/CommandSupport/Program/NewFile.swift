package import Foundation

/// A file that is made anew and filled line by line; readable by its owner only.
///
/// What was written is there also where the program ends without closing it.
package final class NewFile {
    private let path: String
    private let descriptor: Int32

    /// - Throws: `CommandError`, also where there is such a file: nothing is overwritten.
    package init(creating path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let problem = String(cString: strerror(errno))
            throw CommandError(
                "\(path): \(problem)" + (errno == EEXIST ? "; nothing is overwritten: name another one" : ""))
        }
    }

    deinit { close(descriptor) }

    /// - Throws: `CommandError` where the line could not be written.
    package func write(_ line: Data) throws {
        var line = line
        line.append(UInt8(ascii: "\n"))
        let failure = line.withUnsafeBytes { bytes -> Int32? in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
                if count >= 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                } else if errno != EINTR {
                    return errno
                }
            }
            return nil
        }
        if let failure { throw CommandError("\(path): \(String(cString: strerror(failure)))") }
    }
}
