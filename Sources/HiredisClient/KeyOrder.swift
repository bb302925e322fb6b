/// Lets calls that share a key run one at a time, in the order they came.
///
/// A call holds each of its keys, or waits in line for it. All its lines are joined at once, so every call waits
/// for earlier ones only, and there is no deadlock.
struct KeyOrder<Call: Hashable, Key: Hashable> {
    private struct Line {
        var calls: [Call] = []
        /// The calls before this index have left; removing each at once would make a long line slow.
        var first = 0

        mutating func popFirst() -> Call? {
            guard first < calls.count else { return nil }
            defer {
                first += 1
                if first > 32, first * 2 > calls.count {
                    calls.removeFirst(first)
                    first = 0
                }
            }
            return calls[first]
        }
    }

    private var holders: [Key: Call] = [:]
    private var lines: [Key: Line] = [:]
    /// How many keys a call still waits for.
    private var missing: [Call: Int] = [:]

    /// Whether no call holds or waits for any key.
    var isEmpty: Bool { holders.isEmpty }

    /// - Returns: whether the call may run now; else some ``leave(_:keys:)`` will name it.
    mutating func join(_ call: Call, keys: some Sequence<Key>) -> Bool {
        var count = 0
        for key in keys {
            // Nearly always nobody holds it, and then it is looked up once.
            guard let holder = holders.updateValue(call, forKey: key) else { continue }
            holders[key] = holder
            // A key named twice is waited for once.
            if holder == call || lines[key]?.calls.last == call { continue }
            lines[key, default: Line()].calls.append(call)
            count += 1
        }
        if count > 0 { missing[call] = count }
        return count == 0
    }

    /// Takes a call out, whether it ran or not.
    ///
    /// - Returns: the calls that may run now, in the order of the keys.
    mutating func leave(_ call: Call, keys: some Sequence<Key>) -> [Call] {
        var freed: [Call] = []
        if !missing.isEmpty { missing[call] = nil }
        for key in keys {
            if lines.isEmpty {
                // Nobody waits for any key.
                if let holder = holders.removeValue(forKey: key), holder != call { holders[key] = holder }
            } else if holders[key] == call {
                if let next = pass(key) { freed.append(next) }
            } else if var line = lines[key] {
                line.calls.removeSubrange(..<line.first)
                line.first = 0
                line.calls.removeAll { $0 == call }
                lines[key] = line.calls.isEmpty ? nil : line
            }
        }
        return freed
    }

    /// Hands a key to the next in line.
    ///
    /// - Returns: that call, where it was the last key it waited for.
    private mutating func pass(_ key: Key) -> Call? {
        guard let next = lines[key]?.popFirst() else {
            holders[key] = nil
            lines[key] = nil
            return nil
        }
        holders[key] = next
        let count = (missing[next] ?? 1) - 1
        missing[next] = count == 0 ? nil : count
        return count == 0 ? next : nil
    }
}
