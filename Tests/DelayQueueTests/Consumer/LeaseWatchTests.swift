import Testing

@testable import DelayQueue

@Suite("What ends a handler whose job lost its lease", .timeLimit(.minutes(1)))
struct LeaseWatchTests {
    private let first = HeldJobID(1)
    private let second = HeldJobID(2)

    @Test func `a loss is told to who waits, and at the end of the run`() async {
        let watch = LeaseWatch()
        watch.begin(first)
        async let isOver: Void = watch.untilLost()
        watch.lose(first)
        await isOver
        #expect(watch.end())
    }

    @Test func `a loss before anybody waits is not missed`() async {
        let watch = LeaseWatch()
        watch.begin(first)
        watch.lose(first)
        await watch.untilLost()
        #expect(watch.end())
    }

    @Test func `a loss that is told late ends no other job's run`() {
        let watch = LeaseWatch()
        watch.begin(first)
        let isFirstLost = watch.end()
        #expect(!isFirstLost)
        watch.lose(first)
        watch.begin(second)
        watch.lose(first)
        let isSecondLost = watch.end()
        #expect(!isSecondLost)
    }

    @Test func `cancellation ends the wait, before it began and within it`() async {
        let watch = LeaseWatch()
        watch.begin(first)
        let waiting = Task { await watch.untilLost() }
        waiting.cancel()
        await waiting.value
        let isLost = watch.end()
        #expect(!isLost)
    }
}
