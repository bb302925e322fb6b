import HiredisClient
import NIOConcurrencyHelpers

/// The times of a `LedgerTiming` as the scripts take them, written once for all requests that share it.
///
/// Nearly always that is all requests, and making a decimal text of a duration costs more than all else about a
/// request. Written anew each time, they make a stream job take 79 % more instructions (`./dev bench --check`).
final class LedgerTimingWords: Sendable {
    let timing: LedgerTiming

    /// The lease in microseconds, then the retention of unfinished jobs in milliseconds.
    let leaseAndRetention: EncodedWords

    /// The retention of unfinished jobs, in milliseconds, as are all times below.
    let retention: EncodedWords

    /// For finished jobs.
    private let retentionOfKnownCopies: EncodedWords
    private let retentionOfUnknownCopies: EncodedWords

    let grace: EncodedWords

    init(_ timing: LedgerTiming) {
        self.timing = timing
        let retention = RedisArgument.integer(Self.milliseconds(timing.retentionOfLiveRecords))
        leaseAndRetention = EncodedWords([.integer(Self.microseconds(timing.lease)), retention])
        self.retention = EncodedWords([retention])
        retentionOfKnownCopies = EncodedWords([.integer(Self.milliseconds(timing.retention(ofCopies: 1)))])
        retentionOfUnknownCopies = EncodedWords([.integer(Self.milliseconds(timing.retention(ofCopies: 0)))])
        grace = EncodedWords([.integer(Self.milliseconds(timing.effectiveGrace))])
    }

    func retention(ofCopies copies: Int) -> EncodedWords {
        copies == 0 ? retentionOfUnknownCopies : retentionOfKnownCopies
    }

    static func microseconds(_ duration: Duration) -> Int64 {
        min(max(duration.microsecondsRoundedUp, 0), Timestamp.latest.microseconds)
    }

    /// A duration as the expiry of a key, which the server takes only if it is positive.
    static func milliseconds(_ duration: Duration) -> Int64 {
        let microseconds = min(max(duration.microsecondsRoundedUp, 1), Timestamp.latest.microseconds)
        return (microseconds + 999) / 1000
    }

    /// Keeps the words for the timing of the last request.
    final class Cache: Sendable {
        private let last = NIOLockedValueBox<LedgerTimingWords?>(nil)

        func words(for timing: LedgerTiming) -> LedgerTimingWords {
            last.withLockedValue { last in
                if let last, last.timing == timing { return last }
                let words = LedgerTimingWords(timing)
                last = words
                return words
            }
        }
    }
}
