/// Requests made before a measurement, one after the other.
struct RawRequests: Sendable {
    private(set) var bytes: [UInt8] = []
    private(set) var ends: [Int] = []

    var count: Int { ends.count }

    mutating func append(_ request: some Sequence<UInt8>) {
        bytes.append(contentsOf: request)
        ends.append(bytes.count)
    }

    /// The bytes of some requests.
    func slice(_ range: Range<Int>) -> ArraySlice<UInt8> {
        guard !range.isEmpty else { return [] }
        return bytes[(range.lowerBound == 0 ? 0 : ends[range.lowerBound - 1])..<ends[range.upperBound - 1]]
    }

    /// Deals requests out in their order.
    struct Dealer {
        private let requests: RawRequests
        private(set) var dealt = 0

        init(_ requests: RawRequests) {
            self.requests = requests
        }

        /// - Returns: how many were appended.
        mutating func deal(_ count: Int, into bytes: inout [UInt8]) -> Int {
            let range = dealt..<min(dealt + count, requests.count)
            bytes.append(contentsOf: requests.slice(range))
            dealt = range.upperBound
            return range.count
        }
    }
}
