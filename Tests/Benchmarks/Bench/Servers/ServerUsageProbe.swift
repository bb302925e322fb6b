import Beanstalk
import CommandSupport
import HiredisClient
import NIOCore

/// Asks servers what they have used since they began.
struct ServerUsageProbe: Sendable {
    let nodes: [BeanstalkConnection]
    let ledger: RedisClient

    struct Usage: Sendable {
        var cpu = Duration.zero
        /// Commands of each node, by name.
        var nodeCommandCounts: [[String: Int]] = []
        /// Commands of the ledger, by name; those within scripts are among them.
        var ledgerCommandCounts: [String: Int] = [:]

        var nodeCommands: Int { nodeCommandCounts.reduce(0) { $0 + $1.values.reduce(0, +) } }
        /// To and from the ledger. Nodes do not count bytes.
        var ledgerBytes = 0
    }

    /// - Throws: `BeanstalkError`, `CommandError`.
    func usage() async throws -> Usage {
        var usage = Usage()
        for node in nodes {
            let statistics = try await node.stats()
            usage.cpu += statistics.userTime + statistics.systemTime
            usage.nodeCommandCounts.append(
                Self.counted.reduce(into: [:]) { $0[$1] = statistics.commandCount($1) ?? 0 })
        }
        let text = try await ledger.command("INFO", "all").string ?? ""
        var values: [Substring: Double] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            if let value = Double(parts[1]) { values[parts[0]] = value }
            // "cmdstat_get:calls=12,usec=34,...". This asks with INFO itself.
            if parts[0].hasPrefix("cmdstat_"), parts[0] != "cmdstat_info" {
                let calls = parts[1].prefix { $0 != "," }.split(separator: "=").last.flatMap { Int($0) }
                usage.ledgerCommandCounts[String(parts[0].dropFirst("cmdstat_".count))] = calls ?? 0
            }
        }
        guard let user = values["used_cpu_user"], let system = values["used_cpu_sys"] else {
            throw CommandError("the ledger's INFO does not tell what it used")
        }
        usage.cpu += .seconds(user + system)
        usage.ledgerBytes = Int(values["total_net_input_bytes"] ?? 0) + Int(values["total_net_output_bytes"] ?? 0)
        return usage
    }

    /// All commands but those that ask for the statistics of a node or tube, as measurements do.
    private static let counted = [
        "put", "peek", "peek-ready", "peek-delayed", "peek-buried", "reserve", "reserve-with-timeout", "delete",
        "release", "use", "watch", "ignore", "bury", "kick", "touch", "stats-job", "list-tubes", "list-tube-used",
        "list-tubes-watched", "pause-tube",
    ]
}
