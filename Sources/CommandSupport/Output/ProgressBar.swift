/// A bar with a percentage, for a line of progress.
package enum ProgressBar {
    private static let width = 30

    package static func text(_ done: Int, of total: Int) -> String {
        let share = total > 0 ? min(max(Double(done) / Double(total), 0), 1) : 1
        let filled = Int(share * Double(width))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        return "\(bar) \(PrintableText.rightAligned("\(Int(share * 100))", to: 3)) %"
    }
}
