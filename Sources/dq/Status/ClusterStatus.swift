import Beanstalk
import CommandSupport
import DelayQueue

/// A queue's nodes and ledger at one moment.
struct ClusterStatus: Sendable {
    var time: Timestamp
    var tube: String
    var nodes: [NodeStatus]
    /// Nil where no ledger was given.
    var ledger: LedgerStatus?
    /// Why the ledger did not tell which jobs are dead.
    var deadProblem: String?
    /// Nil where there is no ledger, or it did not tell.
    var board: BoardStatus?
    /// Why it did not.
    var boardProblem: String?

    var json: String {
        var object = JSONObject()
        object.add("time", DateText.string(time))
        object.add("tube", tube)
        object.add("nodes", nodes.map(\.json))
        object.add("ledger", ledger?.json)
        object.add("pause", board?.pauseJSON)
        object.add("consumers", board?.consumers.map { ConsumerText($0).json })
        object.add("warnings", warnings)
        return object.line
    }

    // MARK: Warnings

    /// What weakens the queue, in words.
    var warnings: [String] { nodes.flatMap(Self.warnings) + clusterWarnings + ledgerWarnings + (board?.warnings ?? []) }

    private static func warnings(of status: NodeStatus) -> [String] {
        let name = "node \(status.node.address)"
        guard let answer = status.answer else { return ["\(name) is down: \(status.problem ?? "no answer")"] }
        var warnings: [String] = []
        if !answer.hasBinlog { warnings.append("\(name) has no binlog: a restart loses its copies (start it with -b)") }
        if answer.server.isDraining { warnings.append("\(name) is draining: it takes no new jobs") }
        for tube in [answer.tube, answer.standbyTube] {
            guard let tube, tube.pause > 0 else { continue }
            warnings.append("\(name) has paused tube \(tube.name) for \(tube.pauseTimeLeft) s more")
        }
        for text in answer.oversized {
            warnings.append(
                "\(name), tube \(status.node.tube), \(text). Consumers that read no such job (--max-record) bury it and go on "
                    + "with the next; delete it, or let them read it and kick it")
        }
        if answer.buriedJobs > 0 {
            let standbys = answer.standbyTube?.currentJobsBuried ?? 0
            let place = standbys > 0 ? ", \(standbys) of them in tube \(status.node.standbyTube)" : ""
            warnings.append("\(name) has \(answer.buriedJobs) buried jobs\(place)")
        }
        return warnings
    }

    private var clusterWarnings: [String] {
        var warnings: [String] = []
        let up = nodes.count { $0.answer != nil }
        if up < 2 { warnings.append("\(up) of \(nodes.count) nodes is up: jobs need two to be accepted") }
        var seen: [String: NodeStatus] = [:]
        for status in nodes {
            guard let id = status.answer?.server.id else { continue }
            if let other = seen[id] {
                warnings.append("nodes \(other.node.address) and \(status.node.address) are the same server")
            }
            seen[id] = status
        }
        let sizes = nodes.compactMap { status in status.answer.map { ($0.server.maxJobSize, status.node.address) } }
        if let least = sizes.min(by: { $0.0 < $1.0 }), let most = sizes.max(by: { $0.0 < $1.0 }), least.0 < most.0 {
            warnings.append(
                "node \(least.1) takes records of up to \(least.0) bytes and node \(most.1) of up to \(most.0): "
                    + "longer jobs have fewer copies, or are refused (start all with the same -z)")
        }
        return warnings
    }

    private var ledgerWarnings: [String] {
        guard let ledger else { return ["no ledger was given, so nothing is known of it"] }
        guard let answer = ledger.answer else { return ["the ledger is down: \(ledger.problem ?? "no answer")"] }
        var warnings: [String] = []
        if let problem = answer.problem {
            warnings.append("the ledger answers and does not serve, so no job can run: \(problem)")
        }
        if let deadProblem {
            warnings.append(
                "the ledger does not tell which jobs are dead, so delayed and standby count them too: \(deadProblem)")
        }
        if let boardProblem {
            warnings.append(
                "the ledger does not tell whether the queue is paused, nor which consumers it has: \(boardProblem)")
        }
        if let policy = answer.evictionPolicy, policy != "noeviction" {
            warnings.append(
                "the ledger evicts keys (\(policy)) when memory is short: jobs could run again; "
                    + "set maxmemory-policy noeviction")
        }
        if answer.isAppendOnly == false {
            warnings.append("the ledger has no append-only file: a restart loses records; set appendonly yes")
        }
        if let used = answer.memoryUsed, let limit = answer.memoryLimit, limit > 0, used * 10 > limit * 8 {
            warnings.append("the ledger uses \(used * 100 / limit) % of the memory it may")
        }
        if let skew = answer.skew, abs(skew / .seconds(1)) > FleetClock.tolerance / .seconds(1) {
            warnings.append(
                "this machine's clock is \(skew.magnitudeText) \(skew < .zero ? "behind" : "ahead of") the ledger's, "
                    + "by which jobs run: set the one that is wrong")
        }
        if let role = answer.role, role != "master" {
            warnings.append("the ledger's server is a \(role), which refuses writes")
        }
        return warnings
    }
}
