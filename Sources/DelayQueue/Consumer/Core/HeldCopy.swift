import Beanstalk

/// A reserved copy.
struct HeldCopy: Equatable {
    let node: Int
    let id: BeanstalkJobID
    /// The copy's index, where its record has one.
    let index: Int?
    /// In microseconds.
    var timeToRun: Int64
    var priority: UInt32
    /// When the request was sent that last started the reservation's time to run; nil until a reserve that waited
    /// long has been followed by a touch.
    var confirmedAt: Uptime?
    var isTouching = false
    /// The job is dead and this is not the copy that stays: it is deleted once its node has said that it is ours still.
    var isLeftOver = false

    /// Whether the reservation is certain to be ours still.
    func isFresh(_ now: Uptime) -> Bool {
        guard let confirmedAt else { return false }
        return now.microseconds(since: confirmedAt) < timeToRun
    }

    /// Whether the reservation will be ours for a while, as long as a request to the ledger takes.
    func isYoung(_ now: Uptime) -> Bool {
        guard let confirmedAt else { return false }
        return now.microseconds(since: confirmedAt) < timeToRun / 2
    }
}
