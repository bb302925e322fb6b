/// How soon a job went on that a fault had held up.
struct Recovery: Hashable {
    /// What happened to whom.
    enum Cause: String, Hashable, CaseIterable {
        /// A job that ran in a consumer when that was killed: from the kill to its next run.
        case consumerKilled = "consumer killed"
        /// A job that ran in a consumer when that was stopped: from the time it went on to the next run or the
        /// end of this one; nothing where another consumer had run it by then.
        case consumerStopped = "consumer stopped"
        /// A job due by the end of a fault that had not begun: from the end of the fault to its run.
        case node = "node killed or stopped"
        case ledger = "ledger killed or stopped"
        case link = "link disturbed"
    }

    var cause: Cause
    var time: Duration

    static func all(of history: History) -> [Recovery] {
        let runs = Dictionary(grouping: history.runs, by: \.id).mapValues { $0.sorted { $0.start < $1.start } }
        return history.faults.flatMap { fault -> [Recovery] in
            switch (fault.target, fault.kind) {
            case (.process(.consumer), .kill):
                afterDeath(fault, runs)
            case (.process(.consumer), .stop):
                afterStop(fault, runs)
            case (.server(.node), _):
                afterOutage(fault, .node, history, runs)
            case (.server(.ledger), _):
                afterOutage(fault, .ledger, history, runs)
            case (.link(.consumer, _), _):
                afterOutage(fault, .link, history, runs)
            case (.process, _), (.link, _), (.clock, _):
                []
            }
        }
    }

    private static func afterDeath(_ fault: Fault, _ runs: [String: [Run]]) -> [Recovery] {
        runs.values.compactMap { runs in
            guard let position = runs.lastIndex(where: { $0.start <= fault.start }), position + 1 < runs.count,
                runs[position].process == fault.process, runs[position].end ?? .distantFuture >= fault.start
            else { return nil }
            return Recovery(cause: .consumerKilled, time: runs[position + 1].start - fault.start)
        }
    }

    private static func afterStop(_ fault: Fault, _ runs: [String: [Run]]) -> [Recovery] {
        runs.values.compactMap { runs in
            guard let position = runs.lastIndex(where: { $0.start <= fault.start }),
                runs[position].process == fault.process, runs[position].end ?? .distantFuture >= fault.start
            else { return nil }
            let next = position + 1 < runs.count ? runs[position + 1].start : nil
            guard let progress = [next, runs[position].end].compactMap({ $0 }).min() else { return nil }
            return Recovery(cause: .consumerStopped, time: max(progress - fault.end, .zero))
        }
    }

    private static func afterOutage(
        _ fault: Fault, _ cause: Cause, _ history: History, _ runs: [String: [Run]]
    ) -> [Recovery] {
        history.jobs.compactMap { job in
            guard job.fate == .accepted, job.fireDate >= fault.start, job.fireDate <= fault.end, let id = job.id,
                let first = runs[id]?.first, first.start > fault.end
            else { return nil }
            return Recovery(cause: cause, time: first.start - fault.end)
        }
    }
}

extension Instant {
    static let distantFuture = Instant(microseconds: .max)
}
