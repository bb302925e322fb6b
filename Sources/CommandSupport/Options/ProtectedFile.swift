import Foundation

/// A file of secrets, looked at as it was opened, wherever its path leads a moment later.
struct ProtectedFile {
    let contents: Data
    /// Its group, or everybody on this machine.
    let isReadableByOthers: Bool

    /// No such file is longer; a wrong path may lead to a file that is.
    private static let maximumSize = 1 << 20

    /// - Throws: `InvalidText` where it cannot be read, or is not this user's own: whoever may write it chooses the keys.
    init(path: String) throws(InvalidText) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw InvalidText("\(path) cannot be read") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw InvalidText("\(path) cannot be read") }
        // A pipe too, as of a shell's <(…), which nobody else may open. What a device has is nobody's to choose.
        let isFile = [S_IFREG, S_IFIFO].contains(information.st_mode & S_IFMT)
        if isFile {
            guard information.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
                throw InvalidText("\(path) may be changed by others on this machine; chmod 600 it")
            }
            guard [getuid(), geteuid(), 0].contains(information.st_uid) else {
                throw InvalidText("\(path) belongs to another user of this machine, who may change it")
            }
        }
        isReadableByOthers = information.st_mode & (S_IRGRP | S_IROTH) != 0 && isFile
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
        guard let contents = try? file.read(upToCount: Self.maximumSize + 1) ?? Data() else {
            throw InvalidText("\(path) cannot be read")
        }
        guard contents.count <= Self.maximumSize else {
            throw InvalidText("\(path) has more than 1 MiB: it is no file of keys")
        }
        self.contents = contents
    }
}
