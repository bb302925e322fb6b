import Beanstalk
import HiredisClient
import NIOCore

/// Asks servers what they have used since they began.
struct ServerUsageProbe: Sendable {
    let nodes: [BeanstalkConnection]
    let ledger: RedisClient

    struct Usage: Sendable {
        var cpu = Duration.zero
        /// Commands of the nodes. What the ledger counts includes commands within scripts, and so says little.
        var nodeCommands = 0
        /// To and from the ledger. Nodes do not count bytes.
        var ledgerBytes = 0
    }

    /// - Throws: `BeanstalkError`, `CommandError`.
    func usage() async throws -> Usage {
        var usage = Usage()
        for node in nodes {
            let statistics = try await node.stats()
            usage.cpu += statistics.userTime + statistics.systemTime
            usage.nodeCommands += Self.counted.reduce(0) { $0 + (statistics.commandCount($1) ?? 0) }
        }
        let text = try await ledger.command("INFO").string ?? ""
        var values: [Substring: Double] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, let value = Double(parts[1]) { values[parts[0]] = value }
        }
        guard let user = values["used_cpu_user"], let system = values["used_cpu_sys"] else {
            throw CommandError("the ledger's INFO does not tell what it used")
        }
        usage.cpu += .seconds(user + system)
        usage.ledgerBytes = Int(values["total_net_input_bytes"] ?? 0) + Int(values["total_net_output_bytes"] ?? 0)
        return usage
    }

    private static let counted = [
        "put", "peek", "peek-ready", "peek-delayed", "peek-buried", "reserve", "reserve-with-timeout", "delete",
        "release", "use", "watch", "ignore", "bury", "kick", "touch", "stats-job",
    ]
}
