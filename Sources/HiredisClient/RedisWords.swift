import NIOCore

/// Words of a command that are the same for many commands, written once.
package struct RedisWords: Sendable {
    let bytes: [UInt8]

    /// How many they are.
    let count: Int

    package init(_ words: [RedisArgument]) {
        var buffer = ByteBuffer()
        for word in words { word.write(into: &buffer) }
        bytes = Array(buffer.readableBytesView)
        count = words.count
    }
}

extension RedisArgument {
    func write(into buffer: inout ByteBuffer) {
        switch self {
        case .text(let text): buffer.writeRESPWord(text)
        case .bytes(let bytes): bytes.withUnsafeReadableBytes { buffer.writeRESPWord($0) }
        }
    }

    /// In bytes, without what is written around them.
    var length: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.readableBytes
        }
    }
}
