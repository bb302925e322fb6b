import ArgumentParser
import CommandSupport
import DelayQueue

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what the nodes and the ledger hold, and what weakens them.",
        discussion: """
            Per node: whether it is up, its jobs by state, the copies that stand by there for jobs of other nodes \
            (standby, in any state; the tube NAME.standby), when the first ready job was due (oldest) and the first \
            delayed one is (next), version and binlog. Of the ledger also how far this machine's clock is behind or ahead \
            of its own. The exit code is 0 whatever there is to warn of.
            """)

    @Flag(help: "Show it again and again until interrupted.")
    var watch = false

    @Option(
        help: ArgumentHelp("The time between two looks with --watch.", valueName: "seconds"),
        transform: { text throws(InvalidText) in try DurationText.parseSeconds(text) })
    var interval: Duration = .seconds(2)

    @Flag(help: "Print JSON, an object a look: time, tube, nodes, ledger, pause, consumers, warnings.")
    var json = false

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        if interval < .milliseconds(100) { throw ValidationError("--interval must be at least 0.1 seconds.") }
        _ = try cluster.resolvedNodes()
        _ = try cluster.resolvedRedisURL()
    }

    func run() async throws {
        let (watch, json, interval) = (watch, json, interval)
        let probe = try StatusProbe(
            nodes: try cluster.resolvedNodes(), tube: try cluster.resolvedTube(),
            connection: try cluster.security.nodeConnection(),
            maximumRecordSize: try cluster.consumerConfiguration().maximumRecordSize,
            ledger: try cluster.resolvedRedisURL().map { ($0, try cluster.ledgerConnection(to: $0)) },
            logger: cluster.logger(label: "dq.status"))
        try await Interruption.run {
            let result: Result<Void, any Error>
            do {
                try await Self.show(probe, isJSON: json, clearsScreen: watch)
                while watch {
                    try await Task.sleep(for: interval)
                    try await Self.show(probe, isJSON: json, clearsScreen: true)
                }
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await probe.close()
            try result.get()
        }
    }

    private static let clearScreen = "\u{1B}[H\u{1B}[2J"

    private static func show(_ probe: StatusProbe, isJSON: Bool, clearsScreen: Bool) async throws {
        let status = await probe.ask()
        try Task.checkCancellation()
        let output = StandardStream.output
        guard !isJSON else { return try await output.write(status.json) }
        let text = status.table.joined(separator: "\n")
        guard clearsScreen else { return try await output.write(text) }
        try await output.write(output.isTerminal ? clearScreen + text : text + "\n")
    }
}
