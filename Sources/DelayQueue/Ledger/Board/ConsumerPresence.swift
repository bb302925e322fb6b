/// What a consumer tells the ledger of itself when it checks in.
package struct ConsumerPresence: Sendable, Hashable {
    /// Tells it from all other consumers, those of the same process included: 1 to 64 of `A-Z a-z 0-9 . -`.
    package var id: String

    /// Its host and process.
    package var process: String

    /// Of this package.
    package var version: String
    package var state: State

    /// How many of its tasks have a job.
    package var busy: Int

    /// How many tasks take its jobs.
    package var limit: Int

    /// How many jobs it has completed.
    package var done: Int

    /// How many it completes in a minute, at the pace of its last check-ins.
    package var perMinute: Int

    /// How long it has been there.
    package var age: Duration

    /// By how much its machine's clock is ahead of the ledger's; nil where that is not known.
    package var skew: Duration?

    /// How often it checks in.
    package var interval: Duration

    /// What it does about new jobs.
    package enum State: String, Sendable, CaseIterable {
        case taking
        /// It knows that the queue is paused.
        case paused
        /// It has the turn of a suspect.
        case alone
        /// It finishes what runs, and then is gone.
        case ending
    }

    package init(
        id: String, process: String, version: String, state: State = .taking, busy: Int = 0, limit: Int = 0,
        done: Int = 0, perMinute: Int = 0, age: Duration = .zero, skew: Duration? = nil, interval: Duration
    ) {
        self.id = id
        self.process = process
        self.version = version
        self.state = state
        self.busy = busy
        self.limit = limit
        self.done = done
        self.perMinute = perMinute
        self.age = age
        self.skew = skew
        self.interval = interval
    }
}

// <intervalMicros> <ageMicros> <process> <version> <state> <busy> <limit> <done> <perMinute> <skewMicros or ->
extension ConsumerPresence {
    /// Ten words without spaces in them; texts are percent-encoded. The id is not among them.
    package var text: String {
        let numbers = [busy, limit, done, perMinute].map { "\(min(max($0, 0), LedgerRecord.largestCount))" }.joined(
            separator: " ")
        return "\(interval.wholeMicroseconds) \(age.wholeMicroseconds) \(DeathReport.word(process)) "
            + "\(DeathReport.word(version)) \(state.rawValue) \(numbers) \(skew.map { "\($0.wholeMicroseconds)" } ?? "-")"
    }

    /// Reads what ``text`` writes; nil for anything else.
    init?(id: String, parsing words: ArraySlice<String>) {
        let words = Array(words)
        guard words.count == 10, let interval = Int64(decimal: words[0].utf8), let age = Int64(decimal: words[1].utf8),
            let state = State(rawValue: words[4])
        else { return nil }
        let numbers = words[5...8].compactMap { Int(decimal: $0.utf8) }.filter { $0 <= LedgerRecord.largestCount }
        guard numbers.count == 4 else { return nil }
        var skew: Duration?
        if words[9] != "-" {
            guard let microseconds = Int64(words[9]) else { return nil }
            skew = .microseconds(microseconds)
        }
        self.init(
            id: id, process: DeathReport.text(words[2]), version: DeathReport.text(words[3]), state: state,
            busy: numbers[0], limit: numbers[1], done: numbers[2], perMinute: numbers[3], age: .microseconds(age),
            skew: skew, interval: .microseconds(interval))
    }
}
