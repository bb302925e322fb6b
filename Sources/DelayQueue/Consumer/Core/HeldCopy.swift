import Beanstalk

/// A reserved copy.
struct HeldCopy: Equatable {
    /// The connection that reserved it.
    let link: Int
    let id: BeanstalkJobID
    /// The copy's index, where its record has one.
    let index: Int?
    let isStandby: Bool
    /// In microseconds.
    var timeToRun: Int64
    var priority: UInt32
    /// When the request was sent that last started the reservation's time to run; nil until a reserve that waited
    /// long has been followed by a touch.
    var confirmedAt: Uptime?
    var isTouching = false

    /// Whether the reservation is certain to be ours still.
    func isFresh(_ now: Uptime) -> Bool {
        guard let confirmedAt else { return false }
        return now.microseconds(since: confirmedAt) < timeToRun
    }
}
