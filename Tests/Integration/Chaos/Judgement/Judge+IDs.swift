// Rules about ids that several callers schedule jobs under.
extension Judge {
    // MARK: Rule 11

    /// What the ledger says of editions is judged with all that it says.
    mutating func judgeIDs() {
        for (id, calls) in Dictionary(grouping: history.idCalls, by: \.id) {
            guard let last = calls.filter({ $0.answer == .accepted }).max(by: { $0.begun < $1.begun }) else { continue }
            let byToken = Dictionary(grouping: calls, by: \.token)
            let replaced = byToken.filter { $1.allSatisfy { $0.ended.map { $0 < last.begun } ?? false } }
            let runs = runs[id] ?? []
            for run in runs where replaced[run.token] != nil {
                guard let accepted = last.ended, run.start > accepted else { continue }
                violate(.editions, "\(run): \(run.token) runs, and \(last.token) had been accepted in its place")
            }
            guard stories[id]?.last == .done else { continue }
            if !runs.contains(where: { $0.outcome == .completed && replaced[$0.token] == nil }) {
                violate(.lost, "\(id): \(last.token) was accepted last, and did not complete")
            }
        }
    }
}
