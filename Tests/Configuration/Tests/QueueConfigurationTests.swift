import Configuration
import DelayQueue
import Foundation
import Testing

/// What a queue is made of where a program's configuration tells of it. Nothing is connected.
@Suite(.timeLimit(.minutes(1)))
struct QueueConfigurationTests {
    private func problems(
        _ values: [AbsoluteConfigKey: ConfigValue], scope: ConfigKey? = nil,
        configuration: JobQueueConfiguration = .init()
    ) async -> String {
        await problems(InMemoryProvider(values: values), scope: scope, configuration: configuration)
    }

    private func problems(
        _ provider: some ConfigProvider, scope: ConfigKey? = nil, configuration: JobQueueConfiguration = .init()
    ) async -> String {
        let config = ConfigReader(provider: provider)
        do {
            let queue = try JobQueue(
                config: scope.map { config.scoped(to: $0) } ?? config, configuration: configuration)
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
            ("ledgerTimeout", "0s", "ledgerTimeout is not more than 0"),
            ("ledger", "10.0.0.4:6379", "ledger: the ledger's URL: not a Redis URL: the scheme is missing"),
            ("nodes", .init(.stringArray(["10.0.0.1", "", "c"]), isSecret: false), "nodes: the 2nd is not host"),
            ("nodes", "10.0.0.1", "nodes: "), ("minimumWritten", 9, "minimumWritten"),
            ("url", "dq://a,b/x?ledger=redis://h", "url and name are both there"),
            ("url", "dq://user:secret@a,b/x?ledger=redis://h", "url: the 1st node is not host"),
            ("url", "dq://a,b/x?ledger=redis://:se&secret@h", "url: the 2nd parameter is not known"),
            ("sealing.keys", keys("dev:secret@"), "sealing.keys: the 1st is not id:secret"),
            ("sealing.keys", keys("dev:\(secret)", "secret@"), "sealing.keys: the 2nd is not id:secret"),
            ("sealing.keys", keys("dev:c2hvcnQ="), "at least 32 bytes in base64"),
            ("sealing.keys", keys("dev:\(secret)", "dev:\(secret)"), "two keys with the id dev"),
            ("sealing.keys", keys(), "sealing.keys is not a list of id:secret: it is empty"),
            ("sealing.keys", "dev:secret@", "sealing.keys is not a list of texts"),
            ("sealing.mode", "sign", "sealing.mode is there without sealing.keys: add keys, or leave the mode out"),
            ("sealing.mode", "hide", "sealing.mode is not encrypt or sign"),
        ] as [(AbsoluteConfigKey, ConfigValue, String)])
    func whatIsWrongIsToldWithItsKey(key: AbsoluteConfigKey, value: ConfigValue, problem: String) async {
        var values = Self.place
        values[key] = value
        let text = await problems(values)
        #expect(text.contains(problem), "\(text)")
        #expect(!text.contains("secret@") && !text.contains(Self.secret), "\(text)")
    }

    private static let secret = Data(repeating: 7, count: 32).base64EncodedString()
    private static func keys(_ lines: String...) -> ConfigValue { .init(.stringArray(lines), isSecret: false) }

    /// A secret before its id is no id, and short ones look like one.
    @Test(arguments: ["\(secret):dev1", "c2hvcnQtc2VjcmV0:dev1"])
    func aSecretInThePlaceOfTheIDIsNotTold(line: String) async {
        var values = Self.place
        values["sealing.keys"] = Self.keys(line)
        let text = await problems(values)
        #expect(text.contains("sealing.keys: the 1st is not id:secret"), "\(text)")
        #expect(!text.contains(line.prefix { $0 != ":" }), "\(text)")
    }

    /// A queue without what could not be read would go by other settings than its user's, or write plain jobs.
    @Test(
        arguments: [
            ("sealing.keys", "sealing.keys cannot be read: its provider threw Unreachable"),
            ("sealing.mode", "sealing.mode cannot be read: vault down"),
            ("copies", "copies cannot be read: vault down"),
            ("timing.lease", "timing.lease cannot be read: vault down"),
            ("url", "url cannot be read: its provider threw Unreachable"),
            ("ledger", "ledger: its provider threw Unreachable"), ("nodes", "nodes: vault down"),
        ] as [(AbsoluteConfigKey, String)])
    func whatAProviderCannotReadIsNotTakenForMissing(key: AbsoluteConfigKey, problem: String) async {
        let text = await problems(Failing(key: key, others: InMemoryProvider(values: Self.place)))
        #expect(text.contains(problem), "\(text)")
        // What a provider says of a secret may have a part of it.
        #expect(text.contains("vault down") == problem.contains("vault down"), "\(text)")
        #expect(!text.contains("without sealing.keys"), "\(text)")
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
            (place, Set(["ledger"])), (["url": "dq://10.0.0.1,10.0.0.2/mails?ledger=redis://10.0.0.4"], Set(["url"])),
            (place.merging(["sealing.keys": keys("dev:\(secret)")]) { $1 }, Set(["ledger", "sealing.keys"])),
        ] as [([AbsoluteConfigKey: ConfigValue], Set<String>)])
    func secretsAreReadAsSecrets(values: [AbsoluteConfigKey: ConfigValue], secrets: Set<String>) async throws {
        let reporter = Reporter()
        let config = ConfigReader(provider: InMemoryProvider(values: values), accessReporter: reporter)
        await (try JobQueue(config: config)).close()
        #expect(reporter.secrets == secrets)
    }
}

private struct Unreachable: Error, CustomStringConvertible {
    let description = "vault down"
}

/// Cannot read one key, of whatever type.
private struct Failing: ConfigProvider {
    let key: AbsoluteConfigKey
    let others: InMemoryProvider

    var providerName: String { "Failing" }

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        if key == self.key { throw Unreachable() }
        return try others.value(forKey: key, type: type)
    }

    func fetchValue(forKey key: AbsoluteConfigKey, type: ConfigType) async throws -> LookupResult {
        try value(forKey: key, type: type)
    }

    func watchValue<Return: ~Copyable>(
        forKey key: AbsoluteConfigKey, type: ConfigType,
        updatesHandler: (ConfigUpdatesAsyncSequence<Result<LookupResult, any Error>, Never>) async throws -> Return
    ) async throws -> Return {
        try await watchValueFromValue(forKey: key, type: type, updatesHandler: updatesHandler)
    }

    func snapshot() -> any ConfigSnapshot { others.snapshot() }

    func watchSnapshot<Return: ~Copyable>(
        updatesHandler: (ConfigUpdatesAsyncSequence<any ConfigSnapshot, Never>) async throws -> Return
    ) async throws -> Return {
        try await watchSnapshotFromSnapshot(updatesHandler: updatesHandler)
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
