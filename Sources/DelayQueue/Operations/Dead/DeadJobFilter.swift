public import Foundation

/// Which dead jobs are meant. A job must fit all that is given; a filter without anything fits every job.
public struct DeadJobFilter: Sendable, Hashable {
    /// A regular expression that occurs in the reason, in Swift's syntax.
    public var reason: String?

    /// The earliest time of death, by the ledger's clock.
    public var diedFrom: Date?

    /// The first time of death that is too late.
    public var diedUntil: Date?

    /// What the job carries. For that its copies are looked at, as far as the ledger knows where they lie.
    public var job = JobFilter()

    public init() {}

    /// Whether every job fits.
    public var isEmpty: Bool { reason == nil && diedFrom == nil && diedUntil == nil && job.isEmpty }

    /// The jobs that fit by what the ledger has of them.
    ///
    /// - Throws: `invalidOption` where the reason is no regular expression.
    func fitting(_ jobs: [DeadJob]) throws(DelayQueueError) -> [DeadJob] {
        let regex: Regex<AnyRegexOutput>?
        do {
            regex = try reason.map { try Regex($0) }
        } catch {
            throw DelayQueueError(
                .invalidOption, "the reason \((reason ?? "").debugDescription) is no regular expression: \(error)")
        }
        return jobs.filter { job in
            (regex.map { job.reason.firstMatch(of: $0) != nil } ?? true) && (ids?.contains(job.id) ?? true)
                && (diedFrom.map { $0 <= job.diedAt } ?? true) && (diedUntil.map { job.diedAt < $0 } ?? true)
        }
    }

    private var ids: Set<JobID>? { job.ids }
}
