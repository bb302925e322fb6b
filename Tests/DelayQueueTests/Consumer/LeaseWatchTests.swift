import Testing

@testable import DelayQueue

@Suite("What ends a handler whose job lost its lease", .timeLimit(.minutes(1)))
struct LeaseWatchTests {
    private let first = HeldJobID(1)
    private let second = HeldJobID(2)

    /// In a task of its own, which may be cancelled.
    private func watching<R: Sendable>(_ body: @escaping @Sendable (LeaseWatch) async -> R) async -> R {
        await Task { await withUnsafeCurrentTask { await body(LeaseWatch(.init($0), within: .init(nil))) } }.value
    }

    @Test func `a loss cancels the task at once, which need not suspend to see it`() async {
        let (before, after, isLost) = await watching { [first] watch in
            watch.begin(first)
            let before = Task.isCancelled
            watch.lose(first)
            return (before, Task.isCancelled, watch.end())
        }
        #expect(!before)
        #expect(after)
        #expect(isLost)
    }

    @Test func `a loss is told by any thread to a task that waits`() async {
        let isLost = await watching { [first] watch in
            watch.begin(first)
            let telling = Task { watch.lose(first) }
            await #expect(throws: CancellationError.self) { try await Task.sleep(for: .seconds(3600)) }
            await telling.value
            return watch.end()
        }
        #expect(isLost)
    }

    @Test func `a loss that is told late ends no other job's run`() async {
        let (isCancelled, ends) = await watching { [first, second] watch in
            watch.begin(first)
            let isFirstLost = watch.end()
            watch.lose(first)
            watch.begin(second)
            watch.lose(first)
            return (Task.isCancelled, [isFirstLost, watch.end()])
        }
        #expect(!isCancelled)
        #expect(ends == [false, false])
    }
}
