/// A set of copy indexes, such as those known to be deleted.
package struct CopySet: Hashable, Sendable {
    /// Every index is below this, and no job has more copies: it is far more than makes sense.
    package static let maximumCount = 64

    private var bits: UInt64

    package init() {
        bits = 0
    }

    /// - Returns: nil where an index is not within 0..<64.
    package init?(_ indexes: some Sequence<Int>) {
        self.init()
        for index in indexes {
            guard (0..<Self.maximumCount).contains(index) else { return nil }
            bits |= 1 << UInt64(index)
        }
    }

    package var isEmpty: Bool { bits == 0 }

    package func contains(_ index: Int) -> Bool {
        (0..<Self.maximumCount).contains(index) && bits & (1 << UInt64(index)) != 0
    }

    /// Whether every index below a count, at least one, is in the set.
    package func coversAll(of count: Int) -> Bool {
        (1...Self.maximumCount).contains(count) && (~bits).trailingZeroBitCount >= count
    }

    package mutating func insert(_ index: Int) {
        precondition((0..<Self.maximumCount).contains(index), "copy indexes are within 0..<64")
        bits |= 1 << UInt64(index)
    }

    package mutating func formUnion(_ other: CopySet) {
        bits |= other.bits
    }

    /// In ascending order.
    package var indexes: [Int] { (0..<Self.maximumCount).filter(contains) }
}

extension CopySet: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: Int...) {
        self.init()
        for element in elements { insert(element) }
    }
}

extension CopySet: CustomStringConvertible {
    /// The indexes separated by commas; `-` for none.
    package var description: String {
        isEmpty ? "-" : indexes.map(String.init).joined(separator: ",")
    }

    /// Reads what `description` writes.
    init?(parsing text: some StringProtocol) {
        self.init()
        if text == "-" { return }
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard part.utf8.count <= 2, let index = Int(decimal: part.utf8), index < Self.maximumCount else {
                return nil
            }
            insert(index)
        }
    }
}
