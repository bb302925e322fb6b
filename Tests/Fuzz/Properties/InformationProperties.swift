import HiredisClient
import NIOCore

/// What a Redis server may say about itself: values fit to be logged, numbers that can be summed, and the same values
/// when they are all that it says.
enum InformationProperties {
    private static let keys = [
        "redis_version", "valkey_version", "redis_mode", "server_mode", "cluster_enabled", "maxmemory_policy",
        "used_memory", "maxmemory", "aof_enabled", "role",
    ]

    static func check(_ input: ByteBuffer) throws(PropertyViolation) -> Bool {
        let information = RedisInformation(input)
        var text = ""
        var found: [String: String] = [:]
        for key in keys {
            guard let value = information[key] else { continue }
            guard value.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value < 0x7f || $0 == "…" }),
                value.utf8.count <= 300
            else { throw PropertyViolation("\(key) is \(value)") }
            found[key] = value
            // What was escaped or cut short would be so again.
            if !value.contains("\\"), !value.contains("…") { text += "\(key):\(value)\r\n" }
        }
        _ = (information.size("used_memory") ?? 0) * 100 + (information.size("maxmemory") ?? 0) * 8
        if let problem = information.problem, problem.description.contains(where: \.isNewline) {
            throw PropertyViolation("the error is \(problem)")
        }
        let again = RedisInformation(ByteBuffer(string: "# all of it\r\n\r\n" + text))
        for (key, value) in found where text.contains("\(key):") {
            guard again[key] == value || value.contains("\\") || value.contains("…") else {
                throw PropertyViolation("\(key) is \(value), and then \(again[key] ?? "missing")")
            }
        }
        return !found.isEmpty
    }
}
