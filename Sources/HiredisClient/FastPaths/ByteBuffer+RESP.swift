import NIOCore

// A stream job takes more instructions without: 6 % with words that are not written in one go, 4 % with strings for numbers,
// 1.6 % with the beginning of a call in pieces (`./dev bench --check`).
extension ByteBuffer {
    /// The most bytes around the payload of a word: `$`, its length, and two line ends.
    private static let wordOverhead = 24

    /// Begins a command of so many words: `*3`.
    mutating func writeRESPCommand(words count: Int) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: Self.wordOverhead) { memory in
            memory.writeRESPLine(UInt8(ascii: "*"), UInt64(max(count, 0)), at: 0)
        }
    }

    /// Begins a command with words that are written out already, and one more.
    ///
    /// - Returns: where that last word begins.
    mutating func writeRESPCommand(words count: Int, opening: EncodedWords, key: String) -> Int {
        let start = writerIndex
        let length: Int? = key.utf8.withContiguousStorageIfAvailable { key in
            let most = opening.bytes.count + key.count + 2 * Self.wordOverhead
            var length = 0
            writeWithUnsafeMutableBytes(minimumWritableBytes: most) { memory in
                length = memory.writeRESPLine(UInt8(ascii: "*"), UInt64(max(count, 0)), at: 0)
                length = opening.bytes.withUnsafeBytes { memory.write($0, at: length) }
                return memory.writeRESPWord(UnsafeRawBufferPointer(key), at: length)
            }
            return length
        }
        if let length { return start + length }
        writeRESPCommand(words: count)
        writeBytes(opening.bytes)
        let keyStart = writerIndex
        writeRESPWord(key)
        return keyStart
    }

    /// Writes a word of a command, whatever bytes it has.
    mutating func writeRESPWord(_ word: UnsafeRawBufferPointer) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: word.count + Self.wordOverhead) { memory in
            memory.writeRESPWord(word, at: 0)
        }
    }

    /// Writes a text as a word.
    mutating func writeRESPWord(_ text: String) {
        let isWritten: Void? = text.utf8.withContiguousStorageIfAvailable {
            writeRESPWord(UnsafeRawBufferPointer($0))
        }
        if isWritten == nil { Array(text.utf8).withUnsafeBytes { writeRESPWord($0) } }
    }

    /// Writes a number in decimal as a word.
    mutating func writeRESPWord(_ number: Int64) {
        // 19 digits at most, and the sign.
        writeWithUnsafeMutableBytes(minimumWritableBytes: 20 + Self.wordOverhead) { memory in
            let sign = number < 0 ? 1 : 0
            var end = memory.writeRESPLine(
                UInt8(ascii: "$"), UInt64(number.magnitude.decimalDigits + sign), at: 0)
            if sign > 0 {
                memory[end] = UInt8(ascii: "-")
                end += 1
            }
            end = memory.writeDecimal(number.magnitude, at: end)
            return memory.writeRESPLineEnd(at: end)
        }
    }
}

// Indexes are checked in debug builds only: the callers above reserve what is written at most.
extension UnsafeMutableRawBufferPointer {
    /// - Returns: where the word ends.
    fileprivate func writeRESPWord(_ word: UnsafeRawBufferPointer, at start: Int) -> Int {
        let end = writeRESPLine(UInt8(ascii: "$"), UInt64(word.count), at: start)
        return writeRESPLineEnd(at: write(word, at: end))
    }

    fileprivate func write(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Int {
        UnsafeMutableRawBufferPointer(rebasing: self[start...]).copyMemory(from: bytes)
        return start + bytes.count
    }

    /// - Returns: where the line ends.
    fileprivate func writeRESPLine(_ mark: UInt8, _ number: UInt64, at start: Int) -> Int {
        self[start] = mark
        return writeRESPLineEnd(at: writeDecimal(number, at: start + 1))
    }

    fileprivate func writeRESPLineEnd(at position: Int) -> Int {
        self[position] = UInt8(ascii: "\r")
        self[position + 1] = UInt8(ascii: "\n")
        return position + 2
    }

    fileprivate func writeDecimal(_ number: UInt64, at start: Int) -> Int {
        let end = start + number.decimalDigits
        var rest = number
        var position = end
        repeat {
            position -= 1
            self[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        return end
    }
}

extension UInt64 {
    fileprivate var decimalDigits: Int {
        var count = 1
        var bound: UInt64 = 10
        while self >= bound {
            count += 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            if overflow { break }
            bound = next
        }
        return count
    }
}
