/// Which of a node's numbers are looked at next, and when all of its jobs have been seen.
///
/// A node lists no jobs; but `peek` shows any job by its number, and numbers are given in order, one for each `put`
/// command. Two things end the search. A node tells how many jobs it has, so that on a quiet one it is over once so many
/// were seen. And it tells how many puts its process was sent, so that its last number is known: where nothing was
/// restored from a log it is just that; else a job that this process took says where its numbers began. After a restart
/// with a log, numbers go on behind the greatest one that the log had, which nothing tells.
///
/// Jobs that exist mostly have high numbers, while a node that has run for years has given billions. So the search begins
/// at the greatest number known, goes up for as long as jobs are found, and then down.
package struct IDSweep: Sendable, Hashable {
    /// What a node tells of itself at one moment.
    package struct Census: Sendable, Hashable {
        /// The jobs of all tubes, in whatever state.
        package var jobs: Int
        /// How many numbers the server's process has given.
        package var puts: Int
        /// Whether an earlier process may have given numbers too, of which the log told this one.
        package var mayHaveRestored: Bool

        package init(jobs: Int, puts: Int, mayHaveRestored: Bool) {
            // What a server says need not make sense, and is reckoned with.
            self.jobs = min(max(jobs, 0), 1 << 53)
            self.puts = min(max(puts, 0), 1 << 53)
            self.mayHaveRestored = mayHaveRestored
        }
    }

    /// A job of which the number was known before the search.
    package struct Sample: Sendable, Hashable {
        package var id: UInt64
        /// Whether it is certain that this process gave the number.
        package var isOfThisProcess: Bool

        package init(id: UInt64, isOfThisProcess: Bool) {
            self.id = id
            self.isOfThisProcess = isOfThisProcess
        }
    }

    private enum Stage: Hashable {
        /// Upwards, until nothing has been found for a while.
        case above
        case below
        /// Upwards from where that ended.
        case rest
        case over
    }

    /// After so many numbers without a job the search goes on elsewhere.
    private static let shortStretch: UInt64 = 1 << 17

    /// After so many numbers without a job, at least as many jobs having been seen as there are, the search is given up:
    /// jobs come and go meanwhile, so that the count alone cannot say that it is over. About half a minute.
    private static let longStretch: UInt64 = 1 << 22

    private let first: Census
    private var latest: Census
    /// The last number that may have been given when the search began; nil where that is not known.
    private var end: UInt64?
    /// The puts by which the end was reckoned.
    private var endPuts: Int
    /// Where the search began, going down.
    private let start: UInt64
    /// The next number to be looked at upwards.
    private var above: UInt64
    /// The next one downwards; 0 once all were looked at.
    private var below: UInt64
    private var stage = Stage.above
    private var emptyAbove: UInt64 = 0
    private var emptyBelow: UInt64 = 0

    /// How many numbers were looked at.
    package private(set) var looked: UInt64 = 0

    /// How many of them were those of jobs, of whatever tube.
    package private(set) var found = 0

    /// - Parameters:
    ///   - samples: some of the node's jobs.
    ///   - isWorthwhile: whether the jobs that are sought are there at all; else the search is over at once.
    package init(_ census: Census, samples: [Sample], isWorthwhile: Bool = true) {
        first = census
        latest = census
        end = Self.end(census, samples)
        endPuts = census.puts
        let greatest = samples.map(\.id).max() ?? end ?? 1
        start = greatest
        below = greatest
        above = greatest == .max ? .max : greatest + 1
        if census.jobs == 0 || !isWorthwhile {
            stage = .over
            below = 0
            above = (end ?? 0) + 1
        }
    }

    private static func end(_ census: Census, _ samples: [Sample]) -> UInt64? {
        let puts = UInt64(census.puts)
        guard census.mayHaveRestored else { return max(puts, samples.map(\.id).max() ?? 0) }
        // All numbers of this process follow each other.
        guard let least = samples.filter(\.isOfThisProcess).map(\.id).min() else { return nil }
        let (end, isTooLarge) = least.addingReportingOverflow(max(puts, 1) - 1)
        return isTooLarge ? nil : max(end, samples.map(\.id).max() ?? 0)
    }

    /// Whether there is nothing left to look at.
    package var isOver: Bool { stage == .over }

    /// How many jobs there are to be found, as far as is known; for progress.
    package var expected: Int { max(latest.jobs, found) }

    /// How many of the jobs that the node had when the search began may not have been seen: 0 where it is certain that
    /// all were that are still there.
    package var mayHaveMissed: Int {
        if stage == .over, isEveryNumberLookedAt { return 0 }
        return max(0, min(latest.jobs, first.jobs + newPuts - found))
    }

    private var newPuts: Int { max(0, latest.puts - first.puts) }

    private var isEveryNumberLookedAt: Bool { below == 0 && end.map { above > $0 } ?? false }

    /// The next numbers to look at; nil where the search is over.
    ///
    /// They count as looked at from now on as far as the next call goes, so that several may be under way.
    package mutating func next(atMost count: UInt64) -> ClosedRange<UInt64>? {
        if stage == .above, isAtEnd || emptyAbove >= Self.shortStretch { stage = .below }
        if stage == .below, below == 0 { stage = .rest }
        if stage == .rest, isAtEnd || end == nil && emptyAbove >= Self.longStretch { stage = .over }
        switch stage {
        case .above, .rest:
            let last = min(above.addingReportingOverflow(count - 1).partialValue, end ?? .max)
            // Only a server that lies has so great numbers.
            guard last >= above, last < .max else {
                stage = .over
                return nil
            }
            defer { above = last + 1 }
            return above...last
        case .below:
            let least = below > count ? below - count + 1 : 1
            defer { below = least - 1 }
            return least...below
        case .over: return nil
        }
    }

    private var isAtEnd: Bool { end.map { above > $0 } ?? false }

    /// Takes in what came of looking at some numbers.
    ///
    /// - Parameter census: what the node told right after it.
    package mutating func looked(at ids: ClosedRange<UInt64>, found count: Int, _ census: Census) {
        looked += ids.upperBound - ids.lowerBound + 1
        found += count
        latest = census
        let length = ids.upperBound - ids.lowerBound + 1
        if ids.lowerBound > start {
            emptyAbove = count > 0 ? 0 : emptyAbove + length
        } else {
            emptyBelow = count > 0 ? 0 : emptyBelow + length
        }
        let isComplete = found >= first.jobs + newPuts
        if isComplete { below = 0 }
        let isHopeless = found >= census.jobs && (stage == .below ? emptyBelow : emptyAbove) >= Self.longStretch
        if isComplete || isHopeless { stage = .over }
    }

    /// Begins a second search of the same server process, for jobs that it took since the first one began.
    package mutating func resume(_ census: Census, samples: [Sample]) {
        if let end {
            let (later, isTooLarge) = end.addingReportingOverflow(UInt64(max(0, census.puts - endPuts)))
            self.end = isTooLarge ? nil : later
        } else {
            end = Self.end(census, samples)
        }
        endPuts = census.puts
        latest = census
        emptyAbove = 0
        stage = .rest
    }
}
