#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Whether a process with this id exists.
func exists(processID: Int32) -> Bool {
    kill(processID, 0) == 0
}

/// Whether there is a file or folder.
func exists(path: String) -> Bool {
    access(path, F_OK) == 0
}

/// Who may do what with a file, as `0o600`; nil where there is none.
func permissions(of path: String) -> mode_t? {
    var information = stat()
    return stat(path, &information) == 0 ? information.st_mode & 0o777 : nil
}

/// Waits for what happens in a process that this one cannot wait for. Nothing reports it: it is looked at repeatedly.
///
/// - Returns: false where it has not happened after 20 seconds.
func happens(_ condition: () async -> Bool) async throws -> Bool {
    let start = ContinuousClock.now
    while ContinuousClock.now - start < .seconds(20) {
        if await condition() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return false
}

/// The content of a small file; empty where there is none.
func contents(of path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var text = ""
    while let byte = UInt8(exactly: getc(file)) {
        text.unicodeScalars.append(Unicode.Scalar(byte))
    }
    return text
}

#if os(Linux)
    /// What the descriptors of a process refer to, such as `pipe:[4711]`, by number.
    func descriptors(of processID: Int32) -> [Int: String] {
        var found: [Int: String] = [:]
        for number in 0..<4096 {
            var target = [CChar](repeating: 0, count: 256)
            let length = readlink("/proc/\(processID)/fd/\(number)", &target, target.count)
            guard length > 0 else { continue }
            found[number] = String(decoding: target.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        return found
    }

    /// A line of `/proc/PID/status`.
    func status(of processID: Int32, _ name: String) -> String? {
        contents(of: "/proc/\(processID)/status").split(separator: "\n")
            .first { $0.hasPrefix(name + ":") }
            .map { String($0.dropFirst(name.count + 1)).trimmed }
    }

    extension String {
        fileprivate var trimmed: String {
            String(drop { $0 == " " || $0 == "\t" })
        }
    }
#endif

/// Asks a process to end.
func terminate(_ processID: Int32) {
    kill(processID, SIGTERM)
}

/// Removes a folder of plain files.
func removeFolder(_ path: String) async throws {
    guard let folder = opendir(path) else { return }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        unlink("\(path)/\(name)")
    }
    rmdir(path)
}
