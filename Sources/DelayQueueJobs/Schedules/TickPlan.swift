import DelayQueue
import Foundation

/// When a schedule's jobs run, and what they are called: decided alike by every process, without a clock of its own.
struct TickPlan: Sendable {
    /// Of how many ticks before one it is known whether they run.
    static let lookBack = 64

    /// The header that tells the schedule of a tick.
    static let header = "schedule"

    let name: String
    let recurrence: Recurrence
    let options: JobScheduleOptions
    /// Tells this form of the schedule from what it was before.
    private let fingerprint: String

    /// - Parameter job: the name of the job's type, and its bytes.
    init(name: String, recurrence: Recurrence, options: JobScheduleOptions, job: (type: String, body: [UInt8])) {
        self.name = name
        self.recurrence = recurrence
        self.options = options
        // What changes when or what is run; not how missed ticks are treated.
        let text =
            "\(recurrence)\n\(options.jitter)\n\(Self.text(options.start))\n\(Self.text(options.end))\n\(job.type)\n"
        fingerprint = String(format: "%016llx", Self.hash(Array(text.utf8) + job.body))
    }

    private static func text(_ date: Date?) -> String {
        date.map { "\(Int64(($0.timeIntervalSince1970 * 1_000_000).rounded()))" } ?? "-"
    }

    /// FNV-1a: the same in every process, which Swift's own hashes are not.
    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    // MARK: Ticks

    /// The first tick after an instant; nil where there is none any more.
    func next(after date: Date) -> Date? {
        var from = date
        // A tick at the start itself counts.
        if let start = options.start, start > date { from = start.addingTimeInterval(-0.000_001) }
        guard let tick = recurrence.next(after: from), options.end.map({ tick <= $0 }) ?? true else { return nil }
        return tick
    }

    /// Which tick is written by the run of one.
    ///
    /// - Parameters:
    ///   - now: counts less what chance put the tick off, or the ticks of that time would be left out.
    ///   - memory: how long the ledger remembers ticks that ran; nil for a tick that runs for the first time. Where all
    ///     missed ticks are to run, an older successor may have run before, and is not written anew.
    func successor(of tick: Date, now: Date, memory: Duration?) -> Date? {
        let passed = next(after: max(tick, now.addingTimeInterval(-date(of: tick).timeIntervalSince(tick))))
        guard options.missedTicks == .runAll, let following = next(after: tick) else { return passed }
        if let memory, following < now.addingTimeInterval(-(memory / .seconds(1))) { return passed }
        return following
    }

    /// Whether nobody was there to run the tick until another one was due too.
    func isMissed(_ tick: Date, now: Date) -> Bool {
        next(after: tick).map { date(of: $0) <= now } ?? false
    }

    /// The ticks before one, the latest first, as many as are looked at.
    func ticks(before tick: Date) -> [Date] {
        var span: TimeInterval = 1
        var found: [Date] = []
        while span < 20 * 366 * 86_400 {
            found = []
            var at = next(after: tick.addingTimeInterval(-span))
            while let date = at, date < tick {
                found.append(date)
                at = next(after: date)
            }
            if found.count >= Self.lookBack { return found.suffix(Self.lookBack).reversed() }
            if let start = options.start, tick.addingTimeInterval(-span) < start { return found.reversed() }
            span *= 2
        }
        return found.reversed()
    }

    // MARK: Jobs

    /// The id of a tick's job.
    func id(of tick: Date) -> JobID {
        let microseconds = Int64((tick.timeIntervalSince1970 * 1_000_000).rounded())
        return JobID(unchecked: "\(name)/\(fingerprint)@\(microseconds)")
    }

    /// The schedule whose tick a job is, as it is now or was; nil for other jobs, whatever headers they have.
    static func schedule(of job: Job) -> String? {
        guard let name = job.headers[header] else { return nil }
        let parts = job.id.description.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].hasPrefix("\(name)/"), parts[0].utf8.count == name.utf8.count + 17,
            Int64(parts[1]) != nil
        else { return nil }
        return name
    }

    /// - Returns: nil for the id of anything but a tick of this very schedule, as it is now.
    func tick(of id: JobID) -> Date? {
        let parts = id.description.split(separator: "@")
        guard parts.count == 2, parts[0] == "\(name)/\(fingerprint)", let microseconds = Int64(parts[1]) else {
            return nil
        }
        return Date(timeIntervalSince1970: TimeInterval(microseconds) / 1_000_000)
    }

    /// When a tick's job is due: chance puts it off, not beyond the next tick, and is the same for everybody.
    func date(of tick: Date) -> Date {
        guard options.jitter > .zero else { return tick }
        let share = Double(Self.hash(Array(id(of: tick).description.utf8)) >> 11) / Double(1 << 53)
        // A tick is written when the one before it runs, so one that was put off for longer would leave others out.
        let interval = next(after: tick)?.timeIntervalSince(tick) ?? .infinity
        let longest = min(options.jitter / .seconds(1), interval)
        return tick.addingTimeInterval((longest * share * 1000).rounded(.down) / 1000)
    }
}
