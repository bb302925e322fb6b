import ArgumentParser
import CommandSupport
import DelayQueue

/// Which dead jobs are meant.
struct DeadJobFilterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Jobs in whose reason this regular expression occurs.", valueName: "regex"))
    var reason: String?

    @Option(
        help: ArgumentHelp(
            "Jobs that died at this time or later: a date, or a duration back from now.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Jobs that died before this time.", valueName: "time"))
    var until: String?

    @OptionGroup var job: JobFilterOptions

    var isEmpty: Bool { reason == nil && since == nil && until == nil && job.isEmpty }

    /// - Throws: `ValidationError`.
    func filter() throws -> DeadJobFilter {
        var filter = DeadJobFilter()
        filter.job = try job.filter()
        filter.diedFrom = try TimeArgument.past(since ?? "", option: "--since")
        filter.diedUntil = try TimeArgument.past(until ?? "", option: "--until")
        if let from = filter.diedFrom, let until = filter.diedUntil, from >= until {
            throw ValidationError("--since is not before --until")
        }
        if let reason {
            guard (try? Regex(reason)) != nil else {
                throw ValidationError("--reason: \(reason.debugDescription) is no regular expression")
            }
            filter.reason = reason
        }
        return filter
    }
}

extension DeadJobSearch {
    /// Says what is missing.
    func note() {
        guard unread > 0 else { return }
        StandardStream.error.note(
            "warning: \(unread) dead jobs may fit besides: no copy of them could be looked into, as their nodes do not answer, or no "
                + "key of --keys opens them")
    }
}
