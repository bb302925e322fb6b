#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension UnsafeRawBufferPointer {
    /// As `firstIndex(of:)` of what begins at `start`, but many bytes at a time.
    func index(of byte: UInt8, from start: Int) -> Int? {
        // Only bytes from `start` up to the end are looked at.
        guard let base = baseAddress, start < count,
            let found = memchr(base + start, Int32(byte), count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// Whether all bytes are printable, and none a space.
    var isVisibleASCII: Bool {
        for byte in self where !byte.isVisibleASCII { return false }
        return true
    }

    func isText(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { text in
            guard count == text.count else { return false }
            for index in 0..<count where self[index] != text[index] { return false }
            return true
        }
    }
}
