/// Names one job in a consumer's hands; never reused.
package struct HeldJobID: Hashable, Comparable, Sendable {
    package let number: UInt64
    /// Where it is kept; others were, or will be, kept there too.
    let slot: Int32

    package init(_ number: UInt64, slot: Int32 = 0) {
        self.number = number
        self.slot = slot
    }

    package static func == (a: HeldJobID, b: HeldJobID) -> Bool { a.number == b.number }

    package static func < (a: HeldJobID, b: HeldJobID) -> Bool { a.number < b.number }

    package func hash(into hasher: inout Hasher) { hasher.combine(number) }
}
