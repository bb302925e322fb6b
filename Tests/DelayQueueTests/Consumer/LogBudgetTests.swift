import Testing

@testable import DelayQueue

@Suite("What strangers have logged")
struct LogBudgetTests {
    @Test func `the first are logged, and later ones tell how many were not`() {
        var budget = LogBudget()
        let begin = Uptime(microseconds: 0)
        let first = (0..<20_000).compactMap { _ in budget.take(now: begin) }
        #expect(first == Array(repeating: 0, count: 10))
        #expect(budget.take(now: begin + .seconds(59)) == nil)
        #expect(budget.take(now: begin + .seconds(60)) == 19_991)
        #expect(budget.take(now: begin + .seconds(60)) == 0)
    }
}
