import Beanstalk

/// One writing of a job whose id is the caller's own: made afresh for each call that may write one, and never again.
///
/// It travels with the copies, so that the ledger can tell those of the job from those of a call that was refused, or
/// whose job another one replaced.
public struct JobEdition: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static func random() -> JobEdition {
        JobEdition(.random(in: .min ... .max))
    }
}

extension JobEdition: LosslessStringConvertible {
    /// How many digits the text has.
    package static var length: Int { HexDigits.length }

    /// 16 lower-case hexadecimal digits.
    public var description: String { HexDigits.text(rawValue) }

    /// - Returns: nil for anything but 16 lower-case hexadecimal digits.
    public init?(_ description: String) {
        var description = description
        guard let edition = description.withUTF8({ JobEdition(digits: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = edition
    }

    package init?(digits: UnsafeRawBufferPointer) {
        guard let value = HexDigits.value(digits) else { return nil }
        rawValue = value
    }
}
