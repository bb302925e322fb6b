package import NIOCore
import PipelinedTransport

/// What a server says about itself: the answer to `INFO`, a `key:value` a line between comments and empty lines.
///
/// Values are looked for where they are asked for, line by line, and nothing is kept of the rest: a server may say a lot.
package struct RedisInformation: Sendable {
    private let text: ByteBuffer

    package init(_ text: ByteBuffer) {
        self.text = text
    }

    /// The value of the first line that has the key, without the line's end; nil where none has. What is no visible ASCII in it
    /// is escaped, and what is long cut short.
    package subscript(key: String) -> String? {
        let beginning = Array("\(key):".utf8)
        var rest = text.readableBytesView
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
            var line = rest[..<end]
            rest = end < rest.endIndex ? rest[(end + 1)...] : rest[end...]
            guard line.starts(with: beginning) else { continue }
            if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
            return PrintableExcerpt.of(line.dropFirst(beginning.count))
        }
        return nil
    }

    /// A number of bytes; nil for what no memory has, and what arithmetic might not bear.
    package func size(_ key: String) -> Int? {
        self[key].flatMap { Int($0) }.flatMap { (0...1 << 50).contains($0) ? $0 : nil }
    }

    /// The first number of the server's version.
    package var majorVersion: Int? {
        self["redis_version"]?.split(separator: ".").first.flatMap { Int($0) }
    }

    /// Why it cannot hold a ledger, as far as it says.
    package var problem: RedisError? {
        let mode = self["redis_mode"] ?? self["server_mode"]
        if mode == "cluster" || self["server_mode"] == "cluster" || self["cluster_enabled"] == "1" {
            return RedisError(.clusterUnsupported, "the server is part of a Redis Cluster, which is not supported")
        }
        if mode == "sentinel" || self["server_mode"] == "sentinel" {
            return RedisError(.sentinelUnsupported, "the server is a Sentinel: give the address of a Redis server")
        }
        // Since 5, scripts replicate their effects, so that they may read the clock before they write.
        if let major = majorVersion, major < 5 {
            return RedisError(
                .versionUnsupported,
                "the server's version is \(self["redis_version"] ?? ""); 5.0.0 or later is needed")
        }
        return nil
    }
}
