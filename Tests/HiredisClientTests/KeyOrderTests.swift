import Testing

@testable import HiredisClient

@Suite struct KeyOrderTests {
    @Test func oneCallAtATimeForAKey() {
        var order = KeyOrder<Int, String>()
        #expect(order.join(1, keys: ["a"]) == true)
        #expect(order.join(2, keys: ["a"]) == false)
        #expect(order.join(3, keys: ["b"]) == true)
        #expect(order.join(4, keys: ["a"]) == false)
        #expect(order.leave(3, keys: ["b"]) == [])
        #expect(order.leave(1, keys: ["a"]) == [2])
        #expect(order.leave(2, keys: ["a"]) == [4])
        #expect(order.leave(4, keys: ["a"]) == [])
        #expect(order.isEmpty)
    }

    @Test func aCallWaitsForAllItsKeys() {
        var order = KeyOrder<Int, String>()
        #expect(order.join(1, keys: ["a"]) == true)
        #expect(order.join(2, keys: ["b"]) == true)
        #expect(order.join(3, keys: ["a", "b", "c"]) == false)
        #expect(order.join(4, keys: ["c"]) == false)
        #expect(order.leave(1, keys: ["a"]) == [])
        #expect(order.leave(2, keys: ["b"]) == [3])
        #expect(order.leave(3, keys: ["a", "b", "c"]) == [4])
        #expect(order.leave(4, keys: ["c"]) == [])
        #expect(order.isEmpty)
    }

    @Test func aKeyNamedTwiceCountsOnce() {
        var order = KeyOrder<Int, String>()
        #expect(order.join(1, keys: ["a", "a"]) == true)
        #expect(order.join(2, keys: ["a", "b", "a"]) == false)
        #expect(order.leave(1, keys: ["a", "a"]) == [2])
        #expect(order.leave(2, keys: ["a", "b", "a"]) == [])
        #expect(order.isEmpty)
    }

    @Test func aCallMayLeaveBeforeItsTurn() {
        var order = KeyOrder<Int, String>()
        #expect(order.join(1, keys: ["a"]) == true)
        #expect(order.join(2, keys: ["a", "b"]) == false)
        #expect(order.join(3, keys: ["a"]) == false)
        #expect(order.join(4, keys: ["b"]) == false)
        #expect(order.leave(2, keys: ["a", "b"]) == [4])
        #expect(order.leave(1, keys: ["a"]) == [3])
        #expect(order.leave(3, keys: ["a"]) == [])
        #expect(order.leave(4, keys: ["b"]) == [])
        #expect(order.isEmpty)
    }

    @Test func callsWithoutKeysNeverWait() {
        var order = KeyOrder<Int, String>()
        #expect(order.join(1, keys: []) == true)
        #expect(order.leave(1, keys: []) == [])
        #expect(order.isEmpty)
    }

    /// Random calls join and leave; each key must see its calls in the order they joined, and all must end.
    @Test func keepsTheOrderOfEveryKey() {
        var generator = SeededGenerator(state: 7)
        for _ in 0..<200 {
            var order = KeyOrder<Int, String>()
            var keys: [Int: [String]] = [:]
            var running: [Int] = []
            var runs: [String: [Int]] = [:]
            var next = 0
            while next < 200 || !running.isEmpty {
                if next < 200, Bool.random(using: &generator) || running.isEmpty {
                    let names = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                        "k\(Int.random(in: 0..<6, using: &generator))"
                    }
                    keys[next] = names
                    if order.join(next, keys: names) { running.append(next) }
                    next += 1
                } else {
                    let call = running.remove(at: Int.random(in: 0..<running.count, using: &generator))
                    let names = keys[call] ?? []
                    for key in Set(names) { runs[key, default: []].append(call) }
                    running += order.leave(call, keys: names)
                }
            }
            #expect(order.isEmpty)
            for (key, calls) in runs {
                #expect(calls == keys.filter { $0.value.contains(key) }.keys.sorted())
            }
        }
    }
}
