/// How much later than its lead a standby is ready.
///
/// A copy is ready up to a second before its date, as nodes know whole seconds only. With one second more, one standby in
/// twenty would be ready before its job has begun to run; with two, a job has at least 0.95 s to end, and its standbys to
/// be deleted, before anybody has to look at them.
package enum StandbyDelay {
    package static let seconds: UInt32 = 2

    /// A delay in seconds, and so much more.
    package static func after(_ delay: UInt32) -> UInt32 {
        let (sum, overflow) = delay.addingReportingOverflow(seconds)
        return overflow ? .max : sum
    }
}
