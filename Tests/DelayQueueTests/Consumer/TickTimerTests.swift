import NIOCore
import Testing

@testable import DelayQueue

@Suite("The timer of a consumer")
struct TickTimerTests {
    private func at(_ microseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(microseconds * 1000) }

    @Test func `a tick under way when it was replaced does not count, so there is one at a time`() {
        var timer = TickTimer()
        let late = timer.arm(at: at(10), now: at(0))
        // Its time has come, and its loop has taken it up; before it runs another is armed.
        let next = timer.arm(at: at(20), now: at(11))
        let isLateHeeded = timer.fires(late ?? 0)
        #expect(!isLateHeeded)
        let another = timer.arm(at: at(30), now: at(12))
        #expect(another == nil, "the next one is still to come")
        let isNextHeeded = timer.fires(next ?? 0)
        #expect(isNextHeeded)
        let afterwards = timer.arm(at: at(40), now: at(21))
        #expect(afterwards != nil)
    }

    @Test func `an earlier tick replaces a later one, and not the other way round`() {
        var timer = TickTimer()
        let later = timer.arm(at: at(50), now: at(0))
        let earlier = timer.arm(at: at(20), now: at(1))
        let between = timer.arm(at: at(40), now: at(2))
        #expect(between == nil)
        let isLaterHeeded = timer.fires(later ?? 0)
        #expect(!isLaterHeeded)
        timer.disarm()
        let isDisarmedHeeded = timer.fires(earlier ?? 0)
        #expect(!isDisarmedHeeded)
    }
}
