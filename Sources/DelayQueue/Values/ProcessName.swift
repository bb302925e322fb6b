#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a person tells this process from others by.
enum ProcessName {
    /// `<host>/<process id>`. Asks nobody but the kernel: a look-up of the host's name may take long.
    static var current: String {
        // POSIX allows 255 bytes at most; a longer name may come without an end.
        var name = [CChar](repeating: 0, count: 257)
        let isKnown = gethostname(&name, 256) == 0
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let host = isKnown ? String(decoding: bytes, as: UTF8.self) : ""
        return "\(host)/\(getpid())"
    }
}
