import Foundation
import Testing

@testable import DelayQueueJobs

@Suite struct TickPlanTests {
    private let start = Date(timeIntervalSince1970: 1_767_225_600)

    private func plan(
        _ recurrence: Recurrence, body: String = "{}", _ change: (inout JobScheduleOptions) -> Void = { _ in }
    ) -> TickPlan {
        var options = JobScheduleOptions()
        change(&options)
        return TickPlan(name: "s", recurrence: recurrence, options: options, job: ("t", Array(body.utf8)))
    }

    @Test(arguments: [JobScheduleOptions.MissedTickPolicy.runOnce, .runAll, .skip])
    func jitterLongerThanTheIntervalLeavesNoTickOut(policy: JobScheduleOptions.MissedTickPolicy) throws {
        let plan = try plan(.every(.seconds(300))) { options in
            options.jitter = .seconds(600)
            options.missedTicks = policy
        }
        var tick = try #require(plan.next(after: start))
        for _ in 0..<200 {
            let date = plan.date(of: tick)
            #expect(date >= tick && date < tick.addingTimeInterval(300), "not beyond the next tick")
            let next = try #require(plan.successor(of: tick, now: date, memory: nil))
            #expect(next == tick.addingTimeInterval(300))
            tick = next
        }
    }

    @Test func whatSaysWhenAndWhatMakesAnotherForm() throws {
        let daily = try plan(.crontab("@daily"))
        let tick = try #require(daily.next(after: start))
        #expect(daily.tick(of: daily.id(of: tick)) == tick)
        let others = [
            try plan(.crontab("@hourly")), try plan(.crontab("@daily"), body: "[]"),
            try plan(.crontab("@daily")) { $0.jitter = .seconds(1) },
            try plan(.crontab("@daily")) { [start] in $0.end = start.addingTimeInterval(1e9) },
        ]
        for other in others { #expect(other.tick(of: daily.id(of: tick)) == nil) }
        // How missed ticks are treated does not.
        #expect(try plan(.crontab("@daily")) { $0.missedTicks = .skip }.tick(of: daily.id(of: tick)) == tick)
    }

    @Test func onlyASuccessorThatTheLedgerRemembersIsWrittenAgain() throws {
        let plan = try plan(.crontab("@hourly")) { $0.missedTicks = .runAll }
        let tick = try #require(plan.next(after: start))
        let late = tick.addingTimeInterval(2 * 86_400 + 60)
        #expect(plan.successor(of: tick, now: late, memory: nil) == tick.addingTimeInterval(3600))
        #expect(plan.successor(of: tick, now: late, memory: .seconds(86_400)) == tick.addingTimeInterval(49 * 3600))
    }

    @Test func theTicksBeforeOneAreFoundHoweverRareTheyAre() throws {
        let rare = try plan(.crontab("0 9-11 1 1 *"))
        let tick = try #require(rare.next(after: Date(timeIntervalSince1970: 1_767_261_600)))
        #expect(rare.ticks(before: tick).first == tick.addingTimeInterval(-3600))
        let often = try plan(.every(.seconds(1)))
        #expect(often.ticks(before: start).count == TickPlan.lookBack)
        #expect(often.ticks(before: start).first == start.addingTimeInterval(-1))
    }
}
