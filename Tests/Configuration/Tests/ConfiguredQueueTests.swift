import Configuration
import Foundation
import Testing

@testable import DelayQueue

/// What a queue and its ledger go by, which no user can ask them for.
struct ConfiguredQueueTests {
    private func apply(
        _ values: [AbsoluteConfigKey: ConfigValue], to configuration: JobQueueConfiguration = .init()
    ) -> (queue: JobQueueConfiguration, ledger: RedisLedgerConfiguration) {
        var settings = ConfiguredQueue(ConfigReader(provider: InMemoryProvider(values: values)))
        var configuration = configuration
        var ledger = RedisLedgerConfiguration()
        settings.apply(to: &configuration, &ledger)
        #expect(settings.problems.isEmpty)
        return (configuration, ledger)
    }

    @Test(arguments: [(nil, "encrypt"), ("encrypt", "encrypt"), ("sign", "sign")] as [(String?, String)])
    func theFirstKeySealsAndTheOthersOpen(mode: String?, said: String) {
        let lines = [UInt8(7), 8].map { "key\($0):\(Data(repeating: $0, count: 32).base64EncodedString())" }
        var values: [AbsoluteConfigKey: ConfigValue] = ["sealing.keys": .init(.stringArray(lines), isSecret: true)]
        if let mode { values["sealing.mode"] = .init(.string(mode), isSecret: false) }
        #expect(apply(values).queue.keyRing?.description == "KeyRing(key7, key8; \(said))")
    }

    @Test func theModeAloneIsForTheKeysGivenInCode() throws {
        var configuration = JobQueueConfiguration()
        configuration.keyRing = try KeyRing(
            current: SealingKey(id: "code", secret: Data(repeating: 7, count: 32)),
            previous: [SealingKey(id: "old", secret: Data(repeating: 8, count: 32))])
        #expect(
            apply(["sealing.mode": "sign"], to: configuration).queue.keyRing?.description == "KeyRing(code, old; sign)")
    }

    @Test func theLedgerHasOnlyTheTimeoutsThatKeysName() {
        var configuration = JobQueueConfiguration()
        configuration.connection.connectTimeout = .seconds(41)
        configuration.connection.peerTimeout = .seconds(42)
        let applied = apply(["connection.peerTimeout": "43s"], to: configuration)
        #expect(applied.queue.connection.connectTimeout == .seconds(41))
        #expect(applied.ledger.connection.connectTimeout == RedisLedgerConfiguration().connection.connectTimeout)
        #expect(applied.queue.connection.peerTimeout == .seconds(43))
        #expect(applied.ledger.connection.peerTimeout == .seconds(43))
    }
}
