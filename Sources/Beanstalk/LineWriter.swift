/// Writes the line of a command or of an envelope straight into a buffer's memory: no strings are made, no digit is copied twice.
package struct LineWriter {
    /// Room for the longest verb (21 bytes), four numbers of 20 digits, what separates them and the line end; also for
    /// all of an envelope's line but the job's id.
    package static let maximumLength = 128

    private let target: UnsafeMutableRawBufferPointer
    package private(set) var count = 0

    /// - Parameter target: at least `maximumLength` bytes, and room for what text is written besides.
    package init(_ target: UnsafeMutableRawBufferPointer) {
        self.target = target
    }

    package mutating func write(_ text: StaticString) {
        text.withUTF8Buffer { bytes in
            for byte in bytes {
                target[count] = byte
                count += 1
            }
        }
    }

    package mutating func write(utf8 text: String) {
        var text = text
        text.withUTF8 { bytes in
            UnsafeMutableRawBufferPointer(rebasing: target[count...]).copyMemory(from: UnsafeRawBufferPointer(bytes))
            count += bytes.count
        }
    }

    package mutating func write(_ number: UInt64) {
        var length = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            length += 1
        }
        rest = number
        for index in (0..<length).reversed() {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            target[count + index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
            rest = quotient
        }
        count += length
    }
}
