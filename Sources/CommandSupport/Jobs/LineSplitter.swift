package import Foundation

/// Cuts a stream of bytes into lines, each with its number from 1.
package struct LineSplitter {
    package struct Line: Hashable {
        package let number: Int
        /// Without the line end; nil where the line was longer than allowed.
        package let bytes: Data?
    }

    private let maximumLength: Int
    private var rest = Data()
    private var count = 0
    private var isTooLong = false

    package init(maximumLength: Int) {
        self.maximumLength = maximumLength
    }

    /// Takes the next bytes in.
    ///
    /// - Returns: the lines that ended in them.
    package mutating func feed(_ bytes: Data) -> [Line] {
        var lines: [Line] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            append(bytes[start..<end])
            lines.append(endLine())
            start = bytes.index(after: end)
        }
        append(bytes[start...])
        return lines
    }

    /// The last line, where no line end follows it.
    package mutating func finish() -> Line? {
        rest.isEmpty && !isTooLong ? nil : endLine()
    }

    private mutating func append(_ bytes: Data) {
        guard rest.count + bytes.count <= maximumLength else {
            isTooLong = true
            rest = Data()
            return
        }
        if !isTooLong { rest.append(bytes) }
    }

    private mutating func endLine() -> Line {
        count += 1
        defer {
            rest = Data()
            isTooLong = false
        }
        if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        return Line(number: count, bytes: isTooLong ? nil : rest)
    }
}
