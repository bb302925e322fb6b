import Configuration
import DelayQueue
import Foundation
import Testing

/// What a queue is made of where a program's configuration tells of it. Nothing is connected.
@Suite(.timeLimit(.minutes(1)))
struct QueueConfigurationTests {
    private func problems(_ values: [AbsoluteConfigKey: ConfigValue], scope: ConfigKey? = nil) async -> String {
        let config = ConfigReader(provider: InMemoryProvider(values: values))
        do {
            let queue = try JobQueue(config: scope.map { config.scoped(to: $0) } ?? config)
            await queue.close()
            return "none"
        } catch {
            #expect(error.code == .invalidConfiguration)
            return error.message
        }
    }

    private static let place: [AbsoluteConfigKey: ConfigValue] = [
        "name": "invoices", "nodes": .init(.stringArray(["10.0.0.1", "10.0.0.2:11301", "[::1]"]), isSecret: false),
        "ledger": "redis://:secret@10.0.0.4:6379",
    ]

    @Test func theEnvironmentTellsOfAQueue() async throws {
        let config = ConfigReader(
            provider: EnvironmentVariablesProvider(environmentVariables: [
                "INVOICES_NAME": "invoices", "INVOICES_NODES": "10.0.0.1,10.0.0.2:11301,[::1]",
                "INVOICES_LEDGER": "redis://:secret@10.0.0.4:6379", "INVOICES_COPIES": "2",
                "INVOICES_COPY_MODE": "together", "INVOICES_TIMING_LEASE": "1m",
                "INVOICES_CONNECTION_CONNECT_TIMEOUT": "500ms", "INVOICES_LEDGER_TIMEOUT": "2s",
            ]))
        let queue = try JobQueue(config: config.scoped(to: "invoices"))
        #expect(queue.name == "invoices")
        #expect(
            queue.nodes.map(\.description) == [
                "10.0.0.1:11300/invoices", "10.0.0.2:11301/invoices", "[::1]:11300/invoices",
            ])
        await queue.close()
    }

    @Test func oneURLTellsOfAQueue() async throws {
        let config = ConfigReader(
            provider: InMemoryProvider(values: ["url": "dq://10.0.0.1,10.0.0.2/mails?ledger=redis://10.0.0.4"]))
        let queue = try JobQueue(config: config)
        #expect(queue.name == "mails" && queue.nodes.count == 2)
        await queue.close()
    }

    @Test func whatIsMissingIsToldWithItsWholeKey() async {
        let text = await problems([:], scope: "invoices")
        for key in ["invoices.name", "invoices.nodes", "invoices.ledger"] { #expect(text.contains(key), "\(text)") }
        #expect(text.contains("or one url"))
    }

    @Test(
        arguments: [
            ("copies", "two", "copies is not a whole number"),
            ("copies", 1, "copies"), ("copies", .init(.bool(true), isSecret: false), "copies is not a whole number"),
            ("timing.lease", "5", "timing.lease is not a number and ms, s, m, h or d"),
            ("timing.lease", 5, "timing.lease is not a text"),
            ("copyMode", "both", "copyMode is not standby or together"),
            ("connection.peerTimeout", "soon", "connection.peerTimeout is not a number"),
            ("ledgerTimeout", "0s", "timeout"),
            ("nodes", .init(.stringArray(["10.0.0.1", "", "c"]), isSecret: false), "nodes: \"\" is not host"),
            ("nodes", "10.0.0.1", "nodes: "), ("minimumWritten", 9, "minimumWritten"),
            ("url", "dq://a,b/x?ledger=redis://h", "url and name are both there"),
            ("sealing.keys", .init(.stringArray(["dev:secret"]), isSecret: true), "without the trait Sealing"),
        ] as [(AbsoluteConfigKey, ConfigValue, String)])
    func whatIsWrongIsToldWithItsKey(key: AbsoluteConfigKey, value: ConfigValue, problem: String) async {
        var values = Self.place
        values[key] = value
        let text = await problems(values)
        #expect(text.contains(problem), "\(text)")
        #expect(!text.contains("secret@"), "\(text)")
    }

    @Test func whatTheKeysSayIsWhatTheQueueGoesBy() async throws {
        var values = Self.place
        values["timing.lease"] = "50ms"
        let queue = try JobQueue(config: ConfigReader(provider: InMemoryProvider(values: values)))
        let error = #expect(throws: DelayQueueError.self) { try queue.makeConsumer() }
        #expect(error?.message.contains("timing.lease is 0.05 seconds") == true)
        await queue.close()
    }

    @Test(
        arguments: [
            (place, "ledger"), (["url": "dq://10.0.0.1,10.0.0.2/mails?ledger=redis://10.0.0.4"], "url"),
        ] as [([AbsoluteConfigKey: ConfigValue], String)])
    func secretsAreReadAsSecrets(values: [AbsoluteConfigKey: ConfigValue], secret: String) async throws {
        let reporter = Reporter()
        let config = ConfigReader(provider: InMemoryProvider(values: values), accessReporter: reporter)
        await (try JobQueue(config: config)).close()
        #expect(reporter.secrets == [secret])
    }
}

/// Which keys were read as secrets.
private final class Reporter: AccessReporter, @unchecked Sendable {
    // The lock guards it.
    private var keys: Set<String> = []
    private let lock = NSLock()

    var secrets: Set<String> { lock.withLock { keys } }

    func report(_ event: AccessEvent) {
        for result in event.providerResults {
            guard case .success(let lookup) = result.result, lookup.value?.isSecret == true else { continue }
            lock.withLock { _ = keys.insert(event.metadata.key.description) }
        }
    }
}
