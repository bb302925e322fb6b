import NIOCore

extension ByteBuffer {
    /// Reads the empty line that most records have in place of headers.
    ///
    /// Read as any other line, it makes a stream job take 2 % more instructions (`./dev bench --check`).
    mutating func readEmptyLine() -> Bool {
        let isEmpty = withUnsafeReadableBytes { bytes in
            bytes.count >= 2 && bytes[0] == UInt8(ascii: "\r") && bytes[1] == UInt8(ascii: "\n")
        }
        if isEmpty { moveReaderIndex(forwardBy: 2) }
        return isEmpty
    }
}
