import DelayQueue

/// The runs of one type that go on, in the order in which they began.
struct RunsUnderWay {
    private var runs: [(number: UInt64, began: Uptime)] = []
    private var last: UInt64 = 0

    var count: Int { runs.count }

    /// - Returns: what the run ends by.
    mutating func begin(at time: Uptime) -> UInt64 {
        last += 1
        runs.append((last, time))
        return last
    }

    mutating func end(_ number: UInt64) {
        // Ordered by their numbers, and there are not many.
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].number < number { low = middle + 1 } else { high = middle }
        }
        if low < runs.count, runs[low].number == number { runs.remove(at: low) }
    }

    /// How many microseconds the longest of them has been running; 0 where none is. No `Duration`, as a number is what gauges
    /// take, and is made of one for each run at some cost.
    func oldest(at time: Uptime) -> Int64 {
        runs.first.map { max(0, time.microseconds(since: $0.began)) } ?? 0
    }
}
