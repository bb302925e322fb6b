import Beanstalk
import DelayQueue
import DelayQueueTestKit
import HiredisClient
import Testing

enum LedgerKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case inMemory, redis

    var testDescription: String { rawValue }
}

/// A ledger of either kind whose decisions follow a clock that the test moves, and one job in it.
struct LedgerFixture {
    let ledger: any JobLedger & LedgerCarrier
    let clock: ManualClock
    let key: LedgerKey
    var timing = LedgerTiming()
    private let readLifetime: @Sendable (LedgerKey) async throws -> Duration?

    let a = ClaimOwner.random()
    let b = ClaimOwner.random()

    func ask(_ operation: LedgerRequest.Operation) async throws -> LedgerReply {
        try await ledger.perform(LedgerRequest(key: key, operation: operation, timing: timing))
    }

    /// Whether the record lasts so long from now; up to a minute less, where the server's own clock runs.
    func lasts(_ expected: Duration) async throws -> Bool {
        guard let lifetime = try await readLifetime(key) else { return false }
        // Servers count milliseconds, rounded up.
        return lifetime < expected + .milliseconds(1) && lifetime > expected - .seconds(60)
    }

    func isKeptForGood() async throws -> Bool {
        try await lasts(LedgerTiming.retentionOfDeadJobs)
    }

    func record() async throws -> LedgerRecord? {
        try await ledger.read([key])[0]?.record(of: key.edition)
    }

    static func run(_ kind: LedgerKind, _ body: (LedgerFixture) async throws -> Void) async throws {
        let clock = ManualClock()
        let key = LedgerKey(queue: .default, id: .random())
        switch kind {
        case .inMemory:
            let ledger = InMemoryLedger(clock: { clock.now })
            try await body(
                LedgerFixture(ledger: ledger, clock: clock, key: key) { ledger.lifetime(of: $0) })
        case .redis:
            try await withRedis { server in
                // However slow this machine is, an answer is waited for.
                var configuration = RedisLedgerConfiguration()
                configuration.timeout = .seconds(60)
                let ledger = try RedisLedger(
                    server.url, configuration: configuration, fixedTime: { clock.now })
                let client = ledger.client
                try await body(
                    LedgerFixture(ledger: ledger, clock: clock, key: key) { key in
                        let milliseconds = try await client.command("PTTL", key.description).int ?? -2
                        return milliseconds < 0 ? nil : .milliseconds(milliseconds)
                    })
                await ledger.close()
            }
        }
    }

    private init(
        ledger: any JobLedger & LedgerCarrier, clock: ManualClock, key: LedgerKey,
        readLifetime: @escaping @Sendable (LedgerKey) async throws -> Duration?
    ) {
        self.ledger = ledger
        self.clock = clock
        self.key = key
        self.readLifetime = readLifetime
    }
}

let day = Duration.seconds(86_400)
