/// Some of the numbers 0…63.
struct NumberSet: Sendable, Hashable {
    private(set) var bits: UInt64

    init(bits: UInt64 = 0) {
        self.bits = bits
    }

    init(_ numbers: some Sequence<Int>) {
        self.init()
        for number in numbers { insert(number) }
    }

    /// - Precondition: the number is within 0…63.
    mutating func insert(_ number: Int) {
        bits |= 1 << UInt64(number)
    }

    mutating func remove(_ number: Int) {
        bits &= ~(1 << UInt64(number))
    }

    mutating func formUnion(_ other: NumberSet) {
        bits |= other.bits
    }

    func contains(_ number: Int) -> Bool {
        bits >> UInt64(number) & 1 == 1
    }

    /// The least number of the set that is not below another one.
    func first(from number: Int = 0) -> Int? {
        let rest = number < 64 ? bits >> UInt64(number) : 0
        return rest == 0 ? nil : number + rest.trailingZeroBitCount
    }

    var isEmpty: Bool { bits == 0 }

    /// As a crontab's field is written: single numbers, and ranges of three or more.
    var text: String {
        var items: [String] = []
        var next = first()
        while let start = next {
            var end = start
            while contains(end + 1) { end += 1 }
            switch end - start {
            case 0: items.append("\(start)")
            case 1: items += ["\(start)", "\(end)"]
            default: items.append("\(start)-\(end)")
            }
            next = first(from: end + 1)
        }
        return items.joined(separator: ",")
    }
}
