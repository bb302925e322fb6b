import NIOCore

/// Words of a command as they go over the wire, written once for the many commands that have them in common.
package struct EncodedWords: Sendable {
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
