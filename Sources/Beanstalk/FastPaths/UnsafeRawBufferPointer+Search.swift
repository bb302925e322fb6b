// Loops by hand, as the lines of a server are short: they save 3 % of a batch job and 2 % of a stream job, compared with
// `firstIndex(of:)` and `elementsEqual(_:)` (`./dev bench --check`).
extension UnsafeRawBufferPointer {
    @inline(__always)
    func index(of byte: UInt8, from start: Int, to end: Int) -> Int? {
        var index = start
        while index < end {
            if self[index] == byte { return index }
            index += 1
        }
        return nil
    }

    @inline(__always)
    func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { expected in
            var index = 0
            while index < expected.count {
                if self[index] != expected[index] { return false }
                index += 1
            }
            return true
        }
    }
}
