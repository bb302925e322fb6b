/// A round in a table, and what was wrong in words.
struct RoundReport {
    let history: History
    let verdict: Verdict

    /// How many violations are told in full; the others are in the kept history.
    private static let shownViolations = 20

    var lines: [String] {
        let rows = self.rows
        let width = rows.map(\.0.count).max() ?? 0
        var lines = rows.map { $0.0 + String(repeating: " ", count: width - $0.0.count) + "  " + $0.1 }
        for violation in verdict.violations.prefix(Self.shownViolations) {
            lines.append("\(violation.rule.rawValue): \(violation.text)")
        }
        lines += crashes
        let rest = verdict.violations.count - Self.shownViolations
        if rest > 0 { lines.append("and \(rest) more") }
        return lines
    }

    /// Servers that ended by themselves; they were started again, and what that did to jobs is judged like any fault.
    private var crashes: [String] {
        history.faults.filter { $0.kind == .crash }.map {
            "crash: \($0.target) after \(seconds($0.start - history.began)): \($0.detail ?? "nothing is known")"
        }
    }

    private var rows: [(String, String)] {
        let fates = Dictionary(grouping: history.jobs, by: \.fate).mapValues(\.count)
        let outcomes = Dictionary(grouping: history.revocations, by: \.outcome).mapValues(\.count)
        let answers = Dictionary(grouping: history.idCalls, by: \.answer).mapValues(\.count)
        let reruns = verdict.reruns.values.reduce(0, +)
        var rows = [
            ("seed", "\(history.seed)"),
            ("verdict", verdict.isPassed ? "passed" : "FAILED"),
            ("time under faults", seconds(history.calmed - history.began)),
            ("time to empty", history.drained.map { seconds($0 - history.calmed) } ?? "never"),
            ("nodes", "\(history.nodes)"),
            ("jobs accepted", "\(fates[.accepted, default: 0])"),
            (
                "jobs refused",
                "\(fates[.refused, default: 0] + fates[.refusedForGood, default: 0]), "
                    + "\(fates[.refusedForGood, default: 0]) of them for certain"
            ),
            ("jobs of unknown fate", "\(fates[.unknown, default: 0])"),
            (
                "ids with several callers",
                "\(Set(history.idCalls.map(\.id)).count); calls: "
                    + IDCall.Answer.all.map { "\(answers[$0, default: 0]) \($0.rawValue)" }.joined(separator: ", ")
            ),
            (
                "revocations",
                Revocation.Outcome.all.map { "\(outcomes[$0, default: 0]) \($0.rawValue)" }.joined(separator: ", ")
            ),
            ("runs", "\(history.runs.count), of \(Set(history.runs.map(\.id)).count) jobs"),
            ("redelivered", "\(reruns)"),
        ]
        for explanation in Verdict.Explanation.allCases {
            rows.append(("  \(explanation.rawValue)", "\(verdict.reruns[explanation, default: 0])"))
        }
        rows.append(("begun late, process stopped", "\(verdict.lateStarts)"))
        let givenUp = LedgerStory.stories(history.ledger, lease: history.lease).filter(\.value.isGivenUp).keys
        let poison = Set(history.jobs.lazy.filter(\.isPoison).compactMap(\.id))
        rows.append(("poison jobs", "\(poison.count), \(poison.intersection(givenUp).count) of them given up"))
        rows.append(("other jobs given up", "\(Set(givenUp).subtracting(poison).count)"))
        rows.append(("due beside one cut off", waits(verdict.waitsBesideCutOff)))
        rows.append(("faults", "\(history.faults.count)"))
        for (name, count) in faultCounts { rows.append(("  \(name)", "\(count)")) }
        rows.append(("recovery time", "jobs, median, max"))
        for cause in Recovery.Cause.allCases { rows.append(("  \(cause.rawValue)", recovery(cause))) }
        rows.append(("violations", "\(verdict.violations.count)"))
        for rule in Verdict.Violation.Rule.allCases { rows.append(("  \(rule.rawValue)", "\(verdict.count(rule))")) }
        return rows
    }

    private var faultCounts: [(String, Int)] {
        let names = history.faults.map { fault in
            let place =
                switch fault.target {
                case .server(.node): "node"
                case .server(.ledger): "ledger"
                case .process(.consumer): "consumer"
                case .process: "producer"
                case .clock: "clock"
                case .link: "link"
                }
            return "\(place) \(fault.kind.rawValue)"
        }
        return Dictionary(grouping: names) { $0 }.mapValues(\.count).sorted { $0.key < $1.key }
    }

    private func recovery(_ cause: Recovery.Cause) -> String {
        waits(verdict.recoveries.filter { $0.cause == cause }.map(\.time))
    }

    private func waits(_ times: [Duration]) -> String {
        let times = times.sorted()
        guard let longest = times.last else { return "0" }
        return "\(times.count), \(seconds(times[times.count / 2])), \(seconds(longest))"
    }

    private func seconds(_ duration: Duration) -> String {
        let hundredths = Int((duration / .milliseconds(10)).rounded())
        let fraction = "\(hundredths % 100)"
        return "\(hundredths / 100)." + (fraction.count == 1 ? "0" : "") + fraction + " s"
    }
}

extension IDCall.Answer {
    static let all: [IDCall.Answer] = [.accepted, .refused, .unknown]
}

extension Revocation.Outcome {
    static let all: [Revocation.Outcome] = [.revoked, .alreadyRunning, .alreadyDone, .unknown]
}
