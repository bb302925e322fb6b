/// How often a job's runs ended badly, and how.
///
/// What a job throws is its own. That a lease ended proves little: the process may have died of another job, or its
/// host, or it may only have been cut off. So the two are counted apart, and of the second kind those count for
/// themselves whose job was alone in its process.
package struct JobFailures: Hashable, Sendable {
    /// With so many ended leases a job runs alone.
    static let endedLeasesOfSuspect = 2

    private var errorCount: Int32
    private var endedCount: Int32
    private var aloneCount: Int32

    /// - Parameters:
    ///   - errors: runs that the application ended with a retry.
    ///   - endedLeases: claims whose lease ended.
    ///   - endedAlone: those of them whose job ran alone in its process.
    package init(errors: Int, endedLeases: Int = 0, endedAlone: Int = 0) {
        errorCount = Int32(clamping: errors)
        endedCount = Int32(clamping: endedLeases)
        aloneCount = Int32(clamping: endedAlone)
    }

    package var errors: Int { Int(errorCount) }
    package var endedLeases: Int { Int(endedCount) }
    package var endedAlone: Int { Int(aloneCount) }

    /// Whether the job may be one that ends its process, and so is to run alone.
    package var isSuspect: Bool { endedLeases >= Self.endedLeasesOfSuspect }

    package func adding(errors added: Int) -> JobFailures {
        JobFailures(errors: errors + added, endedLeases: endedLeases, endedAlone: endedAlone)
    }

    package func addingEndedLease(alone isAlone: Bool) -> JobFailures {
        JobFailures(
            errors: errors, endedLeases: min(endedLeases + 1, LedgerRecord.largestCount),
            endedAlone: min(endedAlone + (isAlone ? 1 : 0), LedgerRecord.largestCount))
    }
}

extension JobFailures: ExpressibleByIntegerLiteral {
    package init(integerLiteral errors: Int) {
        self.init(errors: errors)
    }
}

// <errors>, or <errors>/<ended leases>/<those alone> where a lease ended
extension JobFailures: CustomStringConvertible {
    package var description: String {
        endedCount == 0 ? "\(errorCount)" : "\(errorCount)/\(endedCount)/\(aloneCount)"
    }

    /// Reads what `description` writes; errors may have zeros in front.
    init?(parsing text: UnsafeRawBufferPointer) {
        guard let slash = text.index(of: UInt8(ascii: "/"), from: 0) else {
            guard let errors = Self.count(text) else { return nil }
            self.init(errors: errors)
            return
        }
        let rest = UnsafeRawBufferPointer(rebasing: text[(slash + 1)...])
        guard let second = rest.index(of: UInt8(ascii: "/"), from: 0),
            let errors = Self.count(UnsafeRawBufferPointer(rebasing: text[..<slash])),
            let ended = Self.count(UnsafeRawBufferPointer(rebasing: rest[..<second])),
            let alone = Self.count(UnsafeRawBufferPointer(rebasing: rest[(second + 1)...])),
            ended > 0, rest.elementsEqual("\(ended)/\(alone)".utf8)
        else { return nil }
        self.init(errors: errors, endedLeases: ended, endedAlone: alone)
    }

    private static func count(_ text: UnsafeRawBufferPointer) -> Int? {
        guard let number = Int64(decimal: text), number <= LedgerRecord.largestCount else { return nil }
        return Int(number)
    }
}
