import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

@Suite("Consumer decisions")
struct ConsumerCoreTests {
    // MARK: Reserving and holding

    @Test func `an idle consumer waits long, one that holds copies a second at most`() throws {
        var world = try CoreWorld()
        let idle = world.core.nextBatch(for: 0, now: world.now)
        #expect(idle?.block == 60)
        world.answer(node: 1, reserved: [(1, try CoreWorld.record("a", due: .seconds(1)))])
        // After a hit: a burst that does not wait, then, when it is dry, a short wait.
        let burst = world.core.nextBatch(for: 1, now: world.now)
        #expect(burst?.block == nil)
        #expect(try #require(burst?.reserves) > 1)
        world.answer(node: 1)
        #expect(world.core.nodes[1].isDry)
        let short = world.core.nextBatch(for: 1, now: world.now)
        #expect(short?.block == 1)
    }

    @Test func `without demand nothing is reserved`() throws {
        var world = try CoreWorld(demand: 0)
        let batch = world.core.nextBatch(for: 0, now: world.now)
        #expect(batch == nil)
        #expect(!world.core.hasWork(for: 0, now: world.now))
    }

    @Test func `a copy due later than the horizon is released with the whole seconds that remain`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .milliseconds(7_500)))])
        world.answer(node: 0)
        #expect(world.sent[0] == [.release(BeanstalkJobID(5), priority: 7, delay: 7)])
        #expect(world.core.jobs.isEmpty)
    }

    @Test func `a job is claimed at its due time and not a microsecond earlier`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .milliseconds(800)))])
        #expect(world.core.timeUntilTick(now: world.now) == .milliseconds(800))
        world.advance(by: .microseconds(799_999))
        world.tick()
        #expect(!world.core.hasLedgerCalls)
        world.advance(by: .microseconds(1))
        world.tick()
        #expect(world.core.hasLedgerCalls)
        world.answerLedger()
        #expect(world.delivered.map(\.attempt) == [1])
    }

    @Test func `a job that falls due while the application has one goes to it next, not back to its node`() throws {
        var world = try CoreWorld(demand: 1)
        world.answer(
            node: 0,
            reserved: [
                (1, try CoreWorld.record("a", due: .milliseconds(300))),
                (2, try CoreWorld.record("b", due: .milliseconds(300))),
                (3, try CoreWorld.record("c", due: .milliseconds(301))),
            ])
        // A reserve that waits for a second is under way: what is sent meanwhile waits behind it.
        world.answer(node: 0)
        #expect(world.core.nextBatch(for: 0, now: world.now)?.block == 1)
        world.advance(by: .milliseconds(301))
        world.tick()
        for count in 1...3 {
            world.answerLedger()
            #expect(world.delivered.count == count)
            world.settle(world.delivered[count - 1].id, .complete)
            world.core.setDemand(1, now: world.now)
        }
        let released = world.core.nodes[0].calls.contains { if case .release = $0.kind { true } else { false } }
        #expect(!released)
        let names = world.delivered.map(\.id.number)
        #expect(names == names.sorted(), "in the order of their dates")
    }

    @Test func `a job that falls due goes back when the application does not come for it`() throws {
        var world = try CoreWorld(demand: 1)
        world.answer(
            node: 0,
            reserved: [
                (2, try CoreWorld.record("b", due: .milliseconds(300))), (1, try CoreWorld.record("a", due: .zero)),
            ])
        world.answerLedger()
        world.advance(by: .milliseconds(300))
        world.tick()
        world.answer(node: 0)
        #expect(world.core.queuedJobs == 1)
        #expect(!world.core.hasWork(for: 1, now: world.now), "no reserve for what has no room")
        world.advance(by: DemandMeter.window)
        world.tick()
        world.answer(node: 0)
        #expect(world.sent[0].last == .release(BeanstalkJobID(2), priority: 7, delay: 0))
        #expect(world.core.queuedJobs == 0)
    }

    @Test func `without room for more jobs nothing more is reserved`() throws {
        var world = try CoreWorld(demand: 1)
        world.answer(
            node: 0,
            reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answer(node: 1, reserved: [(2, try CoreWorld.record("b", due: .zero))])
        #expect(world.core.room == 0)
        #expect(!world.core.hasWork(for: 2, now: world.now), "no room, no reserve")
        world.answerLedger()
        #expect(world.delivered.count == 1)
        world.answerAll()
        #expect(world.core.jobs.count == 1)
    }

    @Test func `copies not due are held whatever the demand, so a job due earlier is seen`() throws {
        var world = try CoreWorld(demand: 1)
        world.answer(
            node: 0,
            reserved: [
                (1, try CoreWorld.record("later", due: .milliseconds(900))),
                (2, try CoreWorld.record("sooner", due: .milliseconds(300))),
            ])
        world.advance(by: .milliseconds(300))
        world.tick()
        world.answerLedger()
        #expect(world.core.jobs[try #require(world.delivered.first).id]?.id.description == "sooner")
    }

    // MARK: Claims held elsewhere

    @Test func `a copy whose job runs elsewhere is parked, touched, and asked for again`() throws {
        var world = try CoreWorld()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        _ = world.perform(.claim(try ClaimOwner("other"), copy: .index(0)), on: key)
        world.answer(node: 1, reserved: [(9, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answerLedger()
        #expect(world.core.parkedCopies == 1)
        var touches = 0
        for _ in 0..<62 {
            world.advance(by: .milliseconds(500))
            world.tick()
            world.answerLedger()
            world.answer(node: 1)
            touches = world.sent[1].count { if case .touch = $0 { true } else { false } }
        }
        // The other owner's lease of 30 s ended without a word: this is its second grant, after one failure.
        #expect(world.delivered.map(\.attempt) == [2])
        #expect(world.delivered.map(\.failures) == [1])
        #expect(touches >= 1)
        #expect(world.core.parkedCopies == 0)
        #expect(!world.sent[1].contains { if case .release = $0 { true } else { false } })
    }

    @Test func `copies of a waiting job are released once, with the delay`() throws {
        var world = try CoreWorld()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let owner = try ClaimOwner("other")
        _ = world.perform(.claim(owner, copy: .index(0)), on: key)
        _ = world.perform(.retry(owner, attempt: 1, delay: .seconds(20)), on: key)
        world.answer(node: 1, reserved: [(9, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answerLedger()
        world.answer(node: 1)
        #expect(world.sent[1] == [.release(BeanstalkJobID(9), priority: 7, delay: 19)])
        #expect(world.core.jobs.isEmpty)
    }

    // MARK: Stale reservations

    @Test func `after a long wait the reservation is touched before it is claimed on`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))], after: .seconds(50))
        #expect(!world.core.hasLedgerCalls)
        world.answer(node: 0)
        #expect(world.sent[0] == [.touch(BeanstalkJobID(5))])
        #expect(world.core.hasLedgerCalls)
    }

    @Test func `a reservation that turns out to be gone is neither claimed nor run`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))], after: .seconds(50))
        world.answer(node: 0) { _ in .notFound }
        #expect(!world.core.hasLedgerCalls)
        #expect(world.core.jobs.isEmpty)
    }

    @Test func `a grant that arrives after the reservation ran out is given back unrun`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero, timeToRun: 10))])
        world.advance(by: .seconds(11))
        world.answerLedger()
        #expect(world.delivered.isEmpty)
        world.answer(node: 0) { if case .touch = $0 { .notFound } else { nil } }
        world.answerLedger()
        #expect(world.delivered.isEmpty)
        #expect(world.settled.map(\.settlement) == [.giveBack])
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let reply3 = world.perform(.claim(try ClaimOwner("next"), copy: .index(0)), on: key)
        #expect(reply3 == .granted(attempt: 2, failures: 0))
    }

    @Test func `nothing is sent for a copy whose connection is gone`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answer(node: 1, reserved: [(6, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answerLedger()
        world.lose(node: 0)
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        world.answerAll()
        #expect(world.sent[0].isEmpty)
        #expect(world.sent[1] == [.delete(BeanstalkJobID(6), index: 1)])
        world.passFinishedHorizon()
        #expect(world.core.ledgerCalls.map(\.operation) == [.forget([1], of: 3)])
    }

    // MARK: Ledger away

    @Test func `while the ledger is away nothing runs, nothing is deleted, and the same claim is repeated`() throws {
        var world = try CoreWorld()
        world.isLedgerAway = true
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        var owners: Set<ClaimOwner> = []
        for _ in 0..<40 {
            for call in world.core.ledgerCalls {
                if case .claim(let owner, _, _, _) = call.operation { owners.insert(owner) }
            }
            world.answerLedger()
            world.advance(by: .milliseconds(500))
            world.tick()
            world.answer(node: 0)
        }
        #expect(owners.count == 1)
        #expect(world.delivered.isEmpty)
        #expect(world.sent[0].allSatisfy { if case .touch = $0 { true } else { false } })
        world.isLedgerAway = false
        for _ in 0..<4 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
        }
        #expect(world.delivered.map(\.attempt) == [1])
    }

    @Test func `a settlement is repeated until the ledger answers`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.isLedgerAway = true
        world.settle(world.delivered[0].id, .complete)
        for _ in 0..<5 {
            world.answerLedger()
            world.advance(by: .seconds(1))
            world.tick()
        }
        #expect(world.settled.isEmpty)
        world.isLedgerAway = false
        world.answerLedger()
        #expect(world.settled.map(\.settlement) == [.complete])
        #expect(world.settled.map(\.error) == [nil])
    }

    @Test func `a settlement that finds no ledger for too long is handed back to the application`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        let job = world.delivered[0].id
        world.isLedgerAway = true
        world.settle(job, .complete)
        for _ in 0..<40 {
            world.answerLedger()
            world.advance(by: .seconds(1))
            world.tick()
            world.answer(node: 0)
        }
        #expect(world.settled.map(\.error) == [.ledgerUnavailable])
        world.isLedgerAway = false
        world.settle(job, .complete)
        world.answerLedger()
        #expect(world.settled.last?.error == nil)
    }

    // MARK: Leases

    @Test func `claims are renewed while a job runs, and its reservations touched`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        for _ in 0..<600 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
            world.answer(node: 0)
        }
        #expect(world.leasesLost.isEmpty)
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        guard case .held = world.perform(.claim(try ClaimOwner("other"), copy: .index(1)), on: key) else {
            Issue.record("the claim must still be held after ten minutes")
            return
        }
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.settled.map(\.error) == [nil])
    }

    @Test func `a lease that ends unconfirmed is told to the job, which may still complete if nobody took over`() throws
    {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.isLedgerAway = true
        for _ in 0..<35 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
        }
        #expect(world.leasesLost == [world.delivered[0].id])
        world.isLedgerAway = false
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.settled.map(\.error) == [nil])
    }

    @Test func `a job taken over by another owner can not be completed`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.now.wall = world.now.wall + .seconds(31)
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let reply4 = world.perform(.claim(try ClaimOwner("other"), copy: .index(1)), on: key)
        #expect(reply4 == .granted(attempt: 2, failures: 1))
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.settled.map(\.error) == [.claimLost])
        #expect(!world.allSent.contains { if case .delete = $0 { true } else { false } })
    }

    // MARK: Retry and bury

    @Test func `a retried job runs again after its delay, with its failures`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.settle(world.delivered[0].id, .retry(after: .milliseconds(1500)))
        world.answerLedger()
        world.advance(by: .milliseconds(1499))
        world.tick()
        #expect(!world.core.hasLedgerCalls)
        world.advance(by: .milliseconds(1))
        world.tick()
        world.answerLedger()
        #expect(world.delivered.map(\.attempt) == [1, 2])
        #expect(world.delivered.map(\.failures) == [0, 1])
    }

    @Test func `a dropped job is claimed again at once where there is demand, without a failure`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.settle(world.delivered[0].id, .giveBack, waiter: nil)
        world.answerLedger()
        world.answerLedger()
        #expect(world.delivered.map(\.attempt) == [1, 2])
        #expect(world.delivered.map(\.failures) == [0, 0])
        #expect(world.sent[0].isEmpty)
    }

    @Test func `a dropped job nobody here wants goes back to its node at once`() throws {
        var world = try CoreWorld(demand: 1)
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.core.setDemand(0, now: world.now)
        world.settle(world.delivered[0].id, .giveBack, waiter: nil)
        world.answerLedger()
        world.answer(node: 0)
        #expect(world.sent[0] == [.release(BeanstalkJobID(5), priority: 7, delay: 0)])
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let reply = world.perform(.claim(try ClaimOwner("other"), copy: .index(1)), on: key)
        #expect(reply == .granted(attempt: 2, failures: 0))
    }

    @Test func `when a lease ends unconfirmed the copies go back, so that others can reserve the job`() throws {
        var world = try CoreWorld(lease: .seconds(6))
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.isLedgerAway = true
        for _ in 0..<8 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
            world.answer(node: 0)
        }
        #expect(world.leasesLost.count == 1)
        #expect(world.sent[0].last == .release(BeanstalkJobID(5), priority: 7, delay: 0))
        #expect(world.core.heldCopies == 0)
    }

    @Test func `other copies of a buried job go only after the node has buried one`() throws {
        var world = try CoreWorld()
        for node in 0..<3 {
            world.answer(node: node, reserved: [(UInt64(node + 1), try CoreWorld.record("a", due: .zero, copy: node))])
        }
        world.answerLedger()
        world.settle(world.delivered[0].id, .bury(reason: "poison"))
        world.answer(node: 0)
        world.answerLedger()
        #expect(world.settled.map(\.settlement) == [.bury(reason: "poison")])
        #expect(world.sent[1].isEmpty && world.sent[2].isEmpty)
        world.answer(node: 0)
        let first = BeanstalkJobID(1)
        #expect(world.sent[0] == [.touch(first), .inspect(first), .bury(first, priority: 7)])
        for node in 1...2 {
            let copy = BeanstalkJobID(UInt64(node + 1))
            world.answer(node: node)
            world.answer(node: node)
            #expect(world.sent[node] == [.touch(copy), .delete(copy, index: node)])
        }
    }

    @Test func `a buried copy that comes back without a kick is buried again, with one it runs`() throws {
        var world = try CoreWorld()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let owner = try ClaimOwner("other")
        _ = world.perform(.claim(owner, copy: .index(0)), on: key)
        _ = world.perform(.bury(owner, attempt: 1, copy: .index(0), kicks: 0), on: key)
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answerLedger()
        world.answer(node: 0)
        world.answerLedger()
        world.answer(node: 0)
        #expect(world.sent[0] == [.inspect(BeanstalkJobID(5)), .bury(BeanstalkJobID(5), priority: 7)])
        #expect(world.delivered.isEmpty)
        world.kicks = 1
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answerLedger()
        world.answer(node: 0)
        world.answerLedger()
        #expect(world.delivered.map(\.attempt) == [2])
        #expect(world.delivered.map(\.failures) == [0])
    }

    @Test func `a job with its failures used up is buried instead of run`() throws {
        var world = try CoreWorld(maximumFailures: 2)
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        for attempt in 1...2 {
            let owner = try ClaimOwner("other\(attempt)")
            _ = world.perform(.claim(owner, copy: .index(0)), on: key)
            _ = world.perform(.retry(owner, attempt: attempt, delay: .zero), on: key)
        }
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answerLedger()
        world.answer(node: 0)
        world.answerLedger()
        world.answer(node: 0)
        #expect(world.delivered.isEmpty)
        #expect(world.sent[0].last == .bury(BeanstalkJobID(5), priority: 7))
    }

    // MARK: Foreign records, draining

    @Test func `a record nobody here wrote is buried with its own priority, never deleted`() throws {
        var world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, .init(string: "hello"))])
        world.answer(node: 0)
        world.answer(node: 0)
        #expect(
            world.sent[0] == [.inspectForeign(BeanstalkJobID(5)), .buryForeign(BeanstalkJobID(5), priority: 9)])
    }

    @Test func `draining releases what is held, gives back what is granted, and keeps what the application has`() throws
    {
        var world = try CoreWorld()
        world.answer(
            node: 0,
            reserved: [
                (1, try CoreWorld.record("taken", due: .zero)), (2, try CoreWorld.record("later", due: .seconds(1))),
            ])
        world.answerLedger()
        world.answer(node: 1, reserved: [(3, try CoreWorld.record("claimed", due: .zero))])
        world.core.drain(now: world.now)
        world.answerLedger()
        world.answerLedger()
        world.answerAll()
        #expect(world.delivered.count == 1)
        #expect(world.core.jobs.values.map(\.id.description) == ["taken"])
        #expect(!world.core.isIdle)
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        world.answerAll()
        world.answerLedger()
        #expect(world.core.isIdle)
        #expect(world.core.heldCopies == 0)
    }
}
