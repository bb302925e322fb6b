/// Why a record's origin could not be verified.
package enum SealProblem: Error, Hashable, Sendable {
    /// Any record that is not a sealed one, where only those are accepted.
    case notSealed
    /// It is sealed, and there are no keys to open it with.
    case noKeys
    /// It is sealed with a key that is not in the ring.
    case unknownKey(id: String)
    /// The seal is not what the key makes of this queue and record.
    case wrongSeal
    /// The seal is right, but what it covers is not what a producer writes.
    case malformed
}

extension SealProblem: CustomStringConvertible {
    /// Has nothing of the record but the key's id, which is a short token.
    package var description: String {
        switch self {
        case .notSealed: "it is not sealed"
        case .noKeys: "it is sealed, and there is no key to open it with"
        case .unknownKey(let id): "it is sealed with an unknown key, \(id)"
        case .wrongSeal: "its seal does not fit: it was changed, moved, or made by somebody else"
        case .malformed: "it was sealed with the right key, but is not readable"
        }
    }
}
