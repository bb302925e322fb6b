/// Those who wait until a state satisfies their condition.
struct ConditionWaiters<State, Waiter> {
    typealias Condition = @Sendable (State) -> Bool

    private var waiting: [(id: UInt64, condition: Condition, waiter: Waiter)] = []

    mutating func add(_ waiter: Waiter, id: UInt64 = 0, until condition: @escaping Condition) {
        waiting.append((id, condition, waiter))
    }

    mutating func remove(_ id: UInt64) -> Waiter? {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return nil }
        return waiting.remove(at: index).waiter
    }

    /// Removes and returns those whose condition the state satisfies.
    mutating func takeSatisfied(by state: State) -> [Waiter] {
        let satisfied = waiting.filter { $0.condition(state) }
        guard !satisfied.isEmpty else { return [] }
        waiting.removeAll { $0.condition(state) }
        return satisfied.map(\.waiter)
    }

    mutating func takeAll() -> [Waiter] {
        defer { waiting = [] }
        return waiting.map(\.waiter)
    }
}
