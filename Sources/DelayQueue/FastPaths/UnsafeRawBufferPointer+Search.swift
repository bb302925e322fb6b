#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension UnsafeRawBufferPointer {
    /// As `firstIndex(of:)` of what begins at `start`, but many bytes at a time.
    ///
    /// With the plain form a stream job takes 3.6 % more instructions (`./dev bench --check`).
    func index(of byte: UInt8, from start: Int) -> Int? {
        // Only bytes from `start` up to the end are looked at.
        guard let base = baseAddress, start < count,
            let found = memchr(base + start, Int32(byte), count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }
}
