extension Duration {
    /// In milliseconds with three decimals, as `12.345`.
    package var millisecondsText: String { Self.decimal(self / .microseconds(1), decimals: 3) }

    /// In seconds with two decimals.
    package var secondsText: String { Self.decimal(self / .milliseconds(10), decimals: 2) }

    private static func decimal(_ steps: Double, decimals: Int) -> String {
        // Far beyond any length of time here, and still exact.
        let count = Int64(min(max(steps.rounded(), -1e15), 1e15))
        let digits = String(count.magnitude)
        let padded = String(repeating: "0", count: max(decimals + 1 - digits.utf8.count, 0)) + digits
        return (count < 0 ? "-" : "") + padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }
}
