import Testing

@testable import dq

@Suite struct ConsumeStateTests {
    @Test func theLastJobWantedStopsTheOthers() {
        var state = ConsumeState(maximum: 2)
        let arrivals = (0..<3).map { _ in state.arrived() }
        #expect(arrivals == [.run, .runAsLast, .giveBack])
        let ends = (0..<2).map { _ in state.ended() }
        #expect(ends == [false, true])
    }

    @Test func withoutLimitOnlyStoppingStops() {
        var state = ConsumeState(maximum: nil)
        let arrivals = (0..<100).map { _ in state.arrived() }
        #expect(arrivals.allSatisfy { $0 == .run })
        let ends = (0..<99).map { _ in state.ended() }
        #expect(!ends.contains(true))
        let isDrained = state.stop()
        #expect(!isDrained)
        let late = state.arrived()
        #expect(late == .giveBack)
        let isLast = state.ended()
        #expect(isLast)
    }

    @Test func anIdleSessionIsOverWhenStopped() {
        var state = ConsumeState(maximum: nil)
        let isDrained = state.stop()
        #expect(isDrained)
    }
}
