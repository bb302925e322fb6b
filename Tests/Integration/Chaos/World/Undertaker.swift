import TestSupport

/// Drops the jobs that were given up, as a person would, so that the nodes can become empty.
struct Undertaker: Sendable {
    let tool: Tool
    /// Where the queue is, by the names that consumers have for the nodes: by these the ledger knows where copies lie.
    let options: [String]

    private static let interval = Duration.seconds(2)

    /// Until its task is cancelled. Who died and why is in the ledger's log.
    func run() async {
        while !Task.isCancelled {
            if let dead = try? await tool.run(["dead", "--json"] + options).objects() {
                let ids = dead.compactMap { try? $0.text("id") }
                if !ids.isEmpty { _ = try? await tool.run(["dead", "drop"] + ids + options) }
            }
            // Jobs are given up at any time, and nobody is told.
            try? await Task.sleep(for: Self.interval)
        }
    }
}
