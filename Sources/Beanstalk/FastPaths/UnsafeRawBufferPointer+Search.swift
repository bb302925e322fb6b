// Loops by hand, as the lines of a server are short: with `firstIndex(of:)` and `elementsEqual(_:)` a job of a batch takes
// 3 % more instructions, a stream job 2 % (`./dev bench --check`).
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
