/// The time by which jobs are due: that of the ledger's server, the one clock all processes of a queue share.
///
/// It is reckoned from this process' uptime and from the times that the ledger told, so a wall clock that is set wrong, or
/// set while the process runs, changes nothing. Of the times told the one counts that is known best: with the least round
/// trip, and not too long ago. Where the wall clock is about as good as that, it is used; and where nothing was told yet.
package struct FleetClock: Sendable {
    private struct Estimate {
        /// The ledger's time less the uptime, in microseconds.
        var offset: Int64
        /// Half of the round trip: by so much the offset may be wrong.
        var error: Int64
        var toldAt: Uptime

        /// Crystals, and what is done to make up for them, are wrong by less than one part in 4,096.
        func error(_ now: Uptime) -> Int64 { error + max(0, now.microseconds(since: toldAt)) >> 12 }
    }

    /// A time for which the wall clock was wrong, as far as the ledger can tell.
    private struct Disagreement {
        let since: Uptime
        /// By how many microseconds the wall clock is ahead.
        var skew: Int64
    }

    /// What comes of a look at both clocks.
    package enum Change: Sendable, Equatable {
        /// The wall clock is ahead of the ledger's by so much, or behind where that is negative.
        case disagree(Duration)
        case agreeAgain
    }

    /// A wall clock that differs from the ledger's by less is used.
    package static let tolerance = Duration.milliseconds(100)

    /// For so long the ledger's clock is believed against the wall's, and against the node that had a copy ready.
    package static let patience = Duration.seconds(60)

    private static let toleranceLength = tolerance.wholeMicroseconds
    private static let patienceLength = patience.wholeMicroseconds
    /// A change of the skew that is more than drift.
    private static let step: Int64 = 1_000_000

    /// A ledger that is behind by less makes jobs late by that, and is not outvoted. It is more than copies can be ready
    /// before their dates: a machine whose clock is ahead cannot call on a node that has one ready.
    static let farBehind = Duration.seconds(4)
    private static let farBehindLength = farBehind.wholeMicroseconds

    private var estimate: Estimate?
    private var disagreement: Disagreement?

    package init() {}

    package var hasEstimate: Bool { estimate != nil }

    /// By how many microseconds the wall clock is ahead of the ledger's; nil where that is not known.
    private func skew(_ now: Moment) -> (skew: Int64, error: Int64)? {
        guard let estimate else { return nil }
        return (now.wall.microseconds &- (estimate.offset &+ now.uptime.microseconds), estimate.error(now.uptime))
    }

    /// The time that decides what is due.
    package func time(_ now: Moment) -> Timestamp {
        guard let (skew, error) = skew(now), abs(skew) > Self.toleranceLength + error else { return now.wall }
        return Timestamp(microseconds: now.wall.microseconds &- skew)
    }

    /// Whether the ledger's clock and the wall's say the same.
    package func isConfirmed(_ now: Moment) -> Bool {
        guard let (skew, error) = skew(now) else { return false }
        return abs(skew) <= Self.toleranceLength + error
    }

    /// The ledger told its time.
    ///
    /// - Parameters:
    ///   - sentAt: read before it was asked.
    ///   - now: read after it had answered.
    package mutating func learn(_ time: Timestamp, sentAt: Uptime, now: Uptime) {
        let half = max(0, now.microseconds(since: sentAt)) / 2
        let error = half + 1
        let told = Estimate(
            offset: time.microseconds - (sentAt.microseconds + half), error: error, toldAt: now)
        if let estimate {
            let known = estimate.error(now)
            // Where one of them cannot be, the ledger's clock was set.
            let isSet = abs(told.offset - estimate.offset) > known + error
            guard isSet || error <= known else { return }
        }
        estimate = told
    }

    /// Compares the clocks. What is told here is told once until it changes.
    package mutating func compare(_ now: Moment) -> Change? {
        guard let (skew, error) = skew(now) else { return nil }
        if abs(skew) <= Self.toleranceLength + error {
            // A clock that is off by just that much is not to be told of again and again.
            guard disagreement != nil, abs(skew) <= Self.toleranceLength / 2 + error else { return nil }
            disagreement = nil
            return .agreeAgain
        }
        if let known = disagreement, abs(known.skew - skew) < Self.step {
            disagreement?.skew = skew
            return nil
        }
        disagreement = Disagreement(since: now.uptime, skew: skew)
        return .disagree(.microseconds(skew))
    }

    /// By how much the wall clock is ahead of the ledger's; nil where that is not known.
    package func skew(at now: Moment) -> Duration? { skew(now).map { .microseconds($0.skew) } }

    /// Whether the ledger's clock has been far behind the wall's for so long that a copy which its node has ready, and the
    /// wall clock calls due, is not to wait for it: one clock is then against two.
    package func isLedgerOutvoted(_ now: Moment) -> Bool {
        guard let disagreement, disagreement.skew > Self.farBehindLength, let (skew, _) = skew(now),
            abs(skew - disagreement.skew) < Self.step
        else { return false }
        return now.uptime.microseconds(since: disagreement.since) > Self.patienceLength
    }
}
