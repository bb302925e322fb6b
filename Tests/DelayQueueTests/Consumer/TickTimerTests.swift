import NIOCore
import Testing

@testable import DelayQueue

@Suite("The timer of a consumer")
struct TickTimerTests {
    private func at(_ microseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(microseconds * 1000) }

    @Test func `a tick under way when it was replaced does not count, so there is one at a time`() {
        var timer = TickTimer()
        let late = timer.arm(at: at(10))
        // Its time has come, and its loop has taken it up; before it runs an earlier one is armed.
        let next = timer.arm(at: at(9))
        let isLateHeeded = timer.fires(late ?? 0)
        #expect(!isLateHeeded)
        let another = timer.arm(at: at(30))
        #expect(another == nil, "the next one is still to come")
        let isNextHeeded = timer.fires(next ?? 0)
        #expect(isNextHeeded)
        let afterwards = timer.arm(at: at(40))
        #expect(afterwards != nil)
    }

    @Test func `a tick that is overdue is not put off`() {
        var timer = TickTimer()
        let overdue = timer.arm(at: at(10))
        for time in 11..<20 {
            let later = timer.arm(at: at(UInt64(time)))
            #expect(later == nil)
        }
        let isHeeded = timer.fires(overdue ?? 0)
        #expect(isHeeded)
    }

    @Test func `an earlier tick replaces a later one, and not the other way round`() {
        var timer = TickTimer()
        let later = timer.arm(at: at(50))
        let earlier = timer.arm(at: at(20))
        let between = timer.arm(at: at(40))
        #expect(between == nil)
        let isLaterHeeded = timer.fires(later ?? 0)
        #expect(!isLaterHeeded)
        timer.disarm()
        let isDisarmedHeeded = timer.fires(earlier ?? 0)
        #expect(!isDisarmedHeeded)
    }
}
