package import DelayQueue

/// A kind of job: a value that is scheduled, and handled when it is due.
///
/// ```swift
/// struct SendInvoice: TypedJob {
///     static let jobName = "send-invoice"
///     let number: Int
/// }
/// ```
///
/// Jobs outlive the program that schedules them, and the next version of it: what is decoded may have been encoded by
/// an earlier one, so add properties as optionals, and keep ``jobName`` when the type is renamed.
public protocol TypedJob: Codable, Sendable {
    /// What tells jobs of this kind from all others: 1 to 100 letters, digits, `.`, `_` and `-`. It travels in the header
    /// `job-type`, and names the kind in logs, metrics and traces.
    static var jobName: String { get }

    /// How values become bodies, and bodies values; JSON by default.
    static var codec: any JobCodec { get }
}

extension TypedJob {
    public static var codec: any JobCodec { JSONJobCodec() }
}

/// The name of a kind of job.
package enum JobTypeName {
    /// The header that bears it.
    package static let header = "job-type"

    static let maximumLength = 100

    /// Whether a text is made of letters, digits, dots, underscores and hyphens.
    static func isToken(_ name: String) -> Bool {
        name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// - Throws: `invalidOption`.
    package static func validate(_ name: String, of type: Any.Type) throws(DelayQueueError) {
        guard isToken(name), (1...maximumLength).contains(name.utf8.count) else {
            throw DelayQueueError(
                .invalidOption,
                "\(type).jobName is \(name.debugDescription); it must be 1 to \(maximumLength) letters, digits, dots, "
                    + "underscores and hyphens")
        }
    }
}
