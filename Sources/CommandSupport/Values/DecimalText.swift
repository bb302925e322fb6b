/// A number written as digits with an optional fraction, kept exact.
struct DecimalText {
    /// More would overflow nothing yet, and mean nothing: 10¹⁰ days are 27 million years.
    private static let maximumWholeDigits = 10
    private static let maximumFractionDigits = 9

    private let whole: Int64
    private let fraction: Int64
    private let scale: Int64

    /// - Returns: nil where the text is not 1 to 10 digits, then nothing or a point and 1 to 9 digits.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let whole = Self.digits(first, atMost: Self.maximumWholeDigits) else {
            return nil
        }
        self.whole = whole
        guard parts.count == 2 else {
            fraction = 0
            scale = 1
            return
        }
        guard let fraction = Self.digits(parts[1], atMost: Self.maximumFractionDigits) else { return nil }
        self.fraction = fraction
        scale = parts[1].utf8.reduce(1) { scale, _ in scale * 10 }
    }

    private static func digits(_ text: some StringProtocol, atMost limit: Int) -> Int64? {
        guard (1...limit).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(text)
    }

    /// The number of units, as a length of time.
    func times(_ unit: Duration) -> Duration {
        unit * whole + unit * fraction / scale
    }
}
