// Loops by hand, as the lines of a server are short: they save 3 % of a batch job and 2 % of a stream job, compared with
// `firstIndex(of:)` and `elementsEqual(_:)` (`./dev bench --check`).
extension UnsafeRawBufferPointer {
    func index(of byte: UInt8, in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index < range.upperBound {
            if self[index] == byte { return index }
            index += 1
        }
        return nil
    }

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
