import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

/// Jobs that are retried, dropped and buried.
@Suite("Consumer decisions about how runs end")
struct ConsumerCoreEndTests {
    @Test func `a retried job runs again after its delay, with its failures`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.settle(world.delivered[0].id, .retry(after: .milliseconds(1500)))
        world.answerLedger()
        world.advance(by: .milliseconds(1499))
        world.tick()
        #expect(!world.hasLedgerCalls)
        world.advance(by: .milliseconds(1))
        world.tick()
        world.answerLedger()
        #expect(world.delivered.map(\.attempt) == [1, 2])
        #expect(world.delivered.map(\.failures) == [0, 1])
    }

    @Test func `a dropped job is claimed again at once where there is demand, without a failure`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.settle(world.delivered[0].id, .giveBack(after: .zero), waiter: nil)
        world.answerLedger()
        world.answerLedger()
        #expect(world.delivered.map(\.attempt) == [1, 2])
        #expect(world.delivered.map(\.failures) == [0, 0])
        #expect(world.sent[0].isEmpty)
    }

    @Test func `a dropped job nobody here wants goes back to its node at once`() throws {
        let world = try CoreWorld(demand: 1)
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.core.setDemand(0, now: world.now)
        world.settle(world.delivered[0].id, .giveBack(after: .zero), waiter: nil)
        world.answerLedger()
        world.answer(node: 0)
        #expect(world.sent[0] == [.release(BeanstalkJobID(5), priority: 7, delay: 0)])
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let reply = world.perform(.claim(try ClaimOwner("other")), on: key)
        #expect(reply == .granted(attempt: 2, failures: 0))
    }

    @Test func `a job with its failures used up is given up instead of run`() throws {
        let world = try CoreWorld(maximumFailures: 2)
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        for attempt in 1...2 {
            let owner = try ClaimOwner("other\(attempt)")
            _ = world.perform(.claim(owner), on: key)
            _ = world.perform(.retry(owner, attempt: attempt, delay: .zero), on: key)
        }
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answerLedger()
        world.answerLedger()
        guard case .dead(_, attempt: 3, failures: 2, _, let report) = world.records[key] else {
            Issue.record("the job is not dead")
            return
        }
        #expect(report.reason == "2 failures")
        #expect(world.delivered.isEmpty)
        #expect(world.core.jobs.isEmpty)
    }
}
