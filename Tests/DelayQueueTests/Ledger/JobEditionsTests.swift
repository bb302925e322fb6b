import Beanstalk
import DelayQueue
import Testing

/// The rules by which one of an id's editions is its job.
@Suite(.timeLimit(.minutes(4))) struct JobEditionsTests {
    private static let (a, b, c) = (JobEdition(1), JobEdition(2), JobEdition(3))
    private static let wait = Duration.seconds(10)

    /// An id's record, and requests about its editions.
    private struct Editions {
        let fixture: LedgerFixture
        let start: Timestamp

        init(_ fixture: LedgerFixture) {
            self.fixture = fixture
            start = fixture.clock.now
        }

        func ask(_ operation: LedgerRequest.Operation, _ edition: JobEdition? = nil) async throws -> LedgerReply {
            var key = fixture.key
            key.edition = edition
            return try await fixture.ledger.perform(
                LedgerRequest(key: key, operation: operation, timing: fixture.timing))
        }

        func content(_ digest: String, in delay: Duration = .seconds(60)) -> JobContent {
            JobContent(date: start + delay, digest: digest)
        }

        func intend(_ edition: JobEdition, _ content: JobContent, replacing: Bool = false) async throws -> LedgerReply {
            try await ask(.intend(content, isReplacing: replacing, wait: wait), edition)
        }

        func confirm(_ edition: JobEdition, _ content: JobContent, replacing: Bool = false) async throws -> LedgerReply
        {
            try await ask(.confirm(content, isReplacing: replacing), edition)
        }

        func schedule(_ edition: JobEdition, _ content: JobContent, replacing: Bool = false) async throws {
            #expect(try await intend(edition, content, replacing: replacing) == .intended)
            #expect(try await confirm(edition, content, replacing: replacing) == .confirmed)
        }

        func claim(_ edition: JobEdition?, due: JobContent? = nil) async throws -> LedgerReply {
            try await ask(.claim(.random(), due: due?.date), edition)
        }
    }

    private static func run(_ kind: LedgerKind, _ body: (Editions) async throws -> Void) async throws {
        try await LedgerFixture.run(kind) { fixture async throws in try await body(Editions(fixture)) }
    }

    /// By the ledger's clock, which is ahead, the date of the announcement was over for longer than records last.
    @Test(arguments: LedgerKind.allCases)
    func anAnnouncementIsKnownByNameHoweverOldItsDate(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            try await id.schedule(Self.a, id.content("x"))
            let old = id.content("y", in: .seconds(-8 * 86_400))
            #expect(try await id.intend(Self.b, old, replacing: true) == .intended)
            id.fixture.clock.advance(by: Self.wait)
            #expect(try await id.intend(Self.c, id.content("z"), replacing: true) == .intended)
            #expect(try await id.claim(Self.b, due: old) == .finished(.withdrawn))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func aConfirmedEditionIsTheIDs(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            let content = id.content("x")
            #expect(try await id.ask(.status) == .absent)
            #expect(try await id.intend(Self.a, content) == .intended)
            #expect(try await id.ask(.status) == .absent, "it is announced only")
            #expect(try await id.intend(Self.b, content) == .intended, "an announcement takes nothing")
            #expect(try await id.confirm(Self.a, content) == .confirmed)
            #expect(try await id.confirm(Self.a, content) == .confirmed, "asked again")
            #expect(try await id.ask(.status) == .scheduled(content.date))
            // The record lasts as long as its job's record would, from its date on.
            #expect(try await id.fixture.lasts(day * 7 + .seconds(60)))
            // The same again is the same job; whatever was written of it meanwhile goes.
            #expect(try await id.confirm(Self.b, content) == .same(Self.a, content.date))
            #expect(try await id.claim(Self.b) == .finished(.withdrawn))
            #expect(try await id.intend(Self.c, content) == .same(Self.a, content.date))
            #expect(try await id.intend(Self.c, id.content("y")) == .taken(until: content.date))
            #expect(try await id.claim(Self.a, due: content) == .early(for: .seconds(60)))
            id.fixture.clock.advance(by: .seconds(60))
            #expect(try await id.claim(Self.a, due: content) == .granted(attempt: 1, failures: 0))
            #expect(try await id.intend(Self.c, content) == .held(for: .seconds(30)))
            #expect(try await id.intend(Self.c, id.content("y"), replacing: true) == .held(for: .seconds(30)))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func whatEndedIsToldApart(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            let content = id.content("x", in: .zero)
            try await id.schedule(Self.a, content)
            #expect(try await id.intend(Self.b, id.content("y", in: .zero), replacing: true) == .intended)
            let owner = ClaimOwner.random()
            #expect(try await id.ask(.claim(owner, due: content.date), Self.a) == .granted(attempt: 1, failures: 0))
            #expect(try await id.ask(.complete(owner, attempt: 1, copies: 0), Self.a) == .settled)
            #expect(try await id.fixture.lasts(day))
            #expect(try await id.intend(Self.c, content, replacing: true) == .finished(.done))
            #expect(try await id.confirm(Self.b, content, replacing: true) == .finished(.done))
            #expect(try await id.claim(Self.b) == .finished(.withdrawn))
            #expect(try await id.ask(.revoke(fireDate: nil, copies: 0)) == .alreadyDone)
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func replacingMovesAJob(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            let (far, near) = (id.content("far", in: day), id.content("near", in: .seconds(5)))
            try await id.schedule(Self.a, far)
            try await id.schedule(Self.b, near, replacing: true)
            #expect(try await id.ask(.status) == .scheduled(near.date))
            #expect(try await id.ask(.status, Self.a) == .finished(.withdrawn))
            id.fixture.clock.advance(by: .seconds(5))
            let owner = ClaimOwner.random()
            #expect(try await id.ask(.claim(owner, due: near.date), Self.b) == .granted(attempt: 1, failures: 0))
            #expect(try await id.ask(.complete(owner, attempt: 1, copies: 0), Self.b) == .settled)
            // It meets the copies of the edition that was moved nearer.
            #expect(try await id.fixture.lasts(day * 2))
            id.fixture.clock.advance(by: day)
            #expect(try await id.claim(Self.a, due: far) == .finished(.withdrawn))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func anAnnouncementWaitsForItsCallAndNotForLong(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            let content = id.content("x", in: .zero)
            #expect(try await id.intend(Self.a, content) == .intended)
            #expect(try await id.intend(Self.b, id.content("y", in: .zero)) == .intended)
            #expect(try await id.claim(Self.a, due: content) == .waiting(for: .milliseconds(250)))
            id.fixture.clock.advance(by: .milliseconds(9_990))
            #expect(try await id.claim(Self.a, due: content) == .waiting(for: .milliseconds(10)))
            id.fixture.clock.advance(by: .milliseconds(10))
            // Both calls have died: one of the two runs.
            #expect(try await id.claim(Self.a, due: content) == .granted(attempt: 1, failures: 0))
            #expect(try await id.claim(Self.b, due: content) == .finished(.withdrawn))
            // They have not, after all.
            #expect(try await id.confirm(Self.a, content) == .confirmed)
            #expect(try await id.confirm(Self.b, id.content("y", in: .zero)) == .finished(.withdrawn))
            // Of one that nobody has asked for yet nothing is decided any more but by its copies.
            #expect(try await id.intend(Self.c, content) == .held(for: .seconds(30)))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func aCallThatIsTooSlowLeavesItToTheCopies(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            let content = id.content("x", in: .zero)
            #expect(try await id.intend(Self.a, content) == .intended)
            id.fixture.clock.advance(by: .seconds(10))
            #expect(try await id.confirm(Self.a, content) == .absent)
            #expect(try await id.ask(.withdraw(isGone: false), Self.a) == .absent)
            #expect(try await id.claim(Self.a, due: content) == .granted(attempt: 1, failures: 0))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func anAnnouncementReplacesNothing(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            let content = id.content("x", in: .seconds(20))
            try await id.schedule(Self.a, content)
            #expect(try await id.intend(Self.b, id.content("y", in: .zero), replacing: true) == .intended)
            id.fixture.clock.advance(by: .seconds(20))
            #expect(try await id.claim(Self.b, due: content) == .finished(.withdrawn), "its call has died")
            #expect(try await id.claim(Self.a, due: content) == .granted(attempt: 1, failures: 0))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func whatIsWithdrawnStaysSo(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            let content = id.content("x", in: .zero)
            #expect(try await id.intend(Self.a, content) == .intended)
            #expect(try await id.ask(.withdraw(isGone: false), Self.a) == .withdrawn)
            #expect(try await id.ask(.withdraw(isGone: false), Self.a) == .finished(.withdrawn))
            #expect(try await id.intend(Self.a, content) == .finished(.withdrawn), "a request that came late")
            #expect(try await id.confirm(Self.a, content) == .finished(.withdrawn))
            #expect(try await id.claim(Self.a, due: content) == .finished(.withdrawn))
            #expect(try await id.ask(.renew(.random(), attempt: 1, recreatingWith: 0), Self.a) == .lost)
            #expect(try await id.ask(.revoke(fireDate: content.date.date, copies: 0), Self.a) == .revoked)
            #expect(try await id.ask(.status) == .absent, "the id is free")
            // Of one that never had a copy nothing is kept, where there is another.
            #expect(try await id.intend(Self.b, content) == .intended)
            #expect(try await id.ask(.withdraw(isGone: true), Self.b) == .withdrawn)
            #expect(try await id.ask(.withdraw(isGone: false), Self.b) == .absent)
            // One that was confirmed is not taken back, and one that runs neither: others may have been told of it.
            try await id.schedule(Self.c, content)
            #expect(try await id.ask(.withdraw(isGone: false), Self.c) == .scheduled(content.date))
            _ = try await id.claim(Self.c, due: content)
            #expect(try await id.ask(.withdraw(isGone: false), Self.c) == .held(for: .seconds(30)))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func whatTheLedgerLostRunsAgainAndIsNotLost(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            let content = id.content("x", in: .zero)
            try await id.schedule(Self.a, content)
            #expect(try await id.confirm(Self.b, content) == .absent)
            #expect(try await id.ask(.withdraw(isGone: false), Self.b) == .absent)
            #expect(try await id.claim(Self.b, due: content) == .granted(attempt: 1, failures: 0))
            #expect(try await id.confirm(Self.b, content) == .confirmed)
            #expect(try await id.intend(Self.c, id.content("z"), replacing: true) == .held(for: .seconds(30)))
            #expect(try await id.claim(Self.a, due: content) == .granted(attempt: 1, failures: 0))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func copiesWithoutAnEditionFollowTheID(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            let content = id.content("x", in: .zero)
            #expect(try await id.claim(nil, due: content) == .granted(attempt: 1, failures: 0))
            #expect(try await id.intend(Self.a, content) == .held(for: .seconds(30)))
        }
        try await Self.run(kind) { id async throws in
            let content = id.content("x", in: .zero)
            try await id.schedule(Self.a, content)
            #expect(try await id.claim(nil, due: content) == .granted(attempt: 1, failures: 0))
            #expect(try await id.claim(Self.a, due: content) == .held(for: .seconds(30)))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func anIDIsRevokedAndNobodyElses(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            let content = id.content("x")
            #expect(try await id.ask(.revoke(fireDate: nil, copies: 0)) == .absent)
            #expect(try await id.intend(Self.a, content) == .intended)
            #expect(try await id.ask(.revoke(fireDate: nil, copies: 0)) == .absent)
            #expect(try await id.confirm(Self.a, content) == .confirmed)
            #expect(try await id.ask(.revoke(fireDate: nil, copies: 0)) == .revoked)
            #expect(try await id.ask(.status) == .finished(.revoked))
            #expect(try await id.intend(Self.b, content) == .finished(.revoked))
            #expect(try await id.fixture.lasts(day + .seconds(120)))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func theRecordStaysSmall(_ kind: LedgerKind) async throws {
        try await Self.run(kind) { id async throws in
            for number in 1...JobEditions.maximumCount {
                try await id.schedule(JobEdition(UInt64(number)), id.content("\(number)"), replacing: true)
            }
            #expect(try await id.intend(JobEdition(999), id.content("z"), replacing: true) == .full)
            #expect(try await id.claim(JobEdition(999)) == .waiting(for: .milliseconds(250)), "made up, perhaps")
            // Once copies of the first ones have been due for long, their names are not needed.
            id.fixture.clock.advance(by: day + .seconds(61))
            #expect(try await id.intend(JobEdition(999), id.content("z"), replacing: true) == .intended)
        }
    }

    @Test func recordsHaveTheDocumentedText() throws {
        let key = LedgerKey(queue: .default, id: JobID(unchecked: "a"))
        let text = """
            2
            00000000000000ab 1790000000000000 - 1 withdrawn
            00000000000000ac 1790000003000000 0123456789abcdef0123456789abcdef scheduled
            00000000000000ad 1790000003000000 0123456789abcdef0123456789abcdef intended 1790000001000000
            - 0 - 1 done owner -
            """
        let value = try LedgerValue(parsing: text, key: key)
        #expect(value.text == text)
        guard case .editions(let editions) = value else { return #expect(Bool(false), "\(value)") }
        #expect(editions.entries.map(\.edition) == [JobEdition(0xab), JobEdition(0xac), JobEdition(0xad), nil])
        #expect(editions.current == 1)
        for line in [
            "", "x", "00000000000000ab 1 -", "00000000000000AB 1 - scheduled", "- 1 - 1 done", "- 1 - intended",
        ] {
            #expect(throws: DelayQueueError.self) { try LedgerValue(parsing: "2\n" + line, key: key) }
        }
    }
}
