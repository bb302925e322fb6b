/// How often one thing is logged that somebody else may make happen thousands of times.
struct LogBudget {
    /// So many a minute are logged; the others are counted, and told with the next one that is.
    private static let most = 10
    private static let window = Duration.seconds(60)

    private var began: Uptime?
    private var logged = 0
    private var withheld = 0

    /// - Returns: nil where this one is not to be logged; else how many were not since the last one that was.
    mutating func take(now: Uptime) -> Int? {
        if began.map({ now - $0 >= Self.window }) ?? true {
            began = now
            logged = 0
        }
        guard logged < Self.most else {
            withheld += 1
            return nil
        }
        logged += 1
        defer { withheld = 0 }
        return withheld
    }
}
