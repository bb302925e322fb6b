#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a person tells this process from others by.
package enum ProcessName {
    /// `<host>/<process id>`.
    static var current: String { "\(host)/\(getpid())" }

    /// As the kernel knows it, and nobody else is asked: a look-up of the host's name may take long.
    package static var host: String {
        // POSIX allows 255 bytes at most; a longer name may come without an end.
        var name = [CChar](repeating: 0, count: 257)
        let isKnown = gethostname(&name, 256) == 0
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return isKnown ? String(decoding: bytes, as: UTF8.self) : ""
    }
}
