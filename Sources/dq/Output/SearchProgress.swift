import CommandSupport
import DelayQueue
import NIOConcurrencyHelpers

/// How far a search of the nodes is, as a line of progress.
struct SearchProgress: Sendable {
    private let nodes = NIOLockedValueBox<[String: JobSearch.Node]>([:])

    @Sendable func show(_ node: JobSearch.Node) {
        let text = nodes.withLockedValue { nodes in
            nodes[node.address.description] = node
            let seen = nodes.values.reduce(0) { $0 + $1.seen }
            let all = nodes.values.reduce(0) { $0 + ($1.jobs ?? 0) }
            return "\(ProgressBar.text(seen, of: all))  \(seen) of \(all) copies looked at"
        }
        StandardStream.error.showProgress(text)
    }

    /// Says which nodes were not looked through to the end.
    static func note(_ nodes: [JobSearch.Node]) {
        StandardStream.error.endProgress()
        for node in nodes {
            let name = PrintableText.line(node.address.description)
            if let problem = node.problem {
                StandardStream.error.note(
                    "warning: node \(name) was not looked through: \(PrintableText.line(problem))")
            } else if let missed = node.mayHaveMissed, missed > 0 {
                StandardStream.error.note(
                    "warning: node \(name) is busy, and its oldest jobs were not found: up to \(missed) may have been missed"
                )
            }
        }
    }
}

extension JobSearch {
    /// Says what is missing.
    func note() {
        SearchProgress.note(nodes)
        if unread > 0 {
            StandardStream.error.note(
                "warning: \(unread) copies could not be looked into: they are larger than --max-record, or no key of --keys "
                    + "opens them")
        }
        if isLimited {
            StandardStream.error.note("there are more jobs; --limit finds them")
        }
        if let ledgerProblem {
            StandardStream.error.note(
                "warning: the ledger did not tell how the jobs stand: \(PrintableText.line(ledgerProblem.message))")
        }
    }
}
