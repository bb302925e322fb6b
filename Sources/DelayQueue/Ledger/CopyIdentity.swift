package import Beanstalk
package import PipelinedTransport

/// What tells one copy of a job from the others: the buried copy of a dead job is remembered by it.
package enum CopyIdentity: Hashable, Sendable {
    /// The copy's index, where copies are counted.
    case index(Int)

    /// The server and the number it gave the copy, where copies are not counted.
    case stored(ServerAddress, BeanstalkJobID)
}

extension CopyIdentity: CustomStringConvertible {
    /// The index, or `<address>=<id>` with the address percent-encoded; visible ASCII without spaces.
    package var description: String {
        switch self {
        case .index(let index): "\(index)"
        case .stored(let address, let id): "\(PercentText.encode(address.description))=\(id)"
        }
    }

    /// Reads what `description` writes.
    init?(parsing text: some StringProtocol) {
        guard let separator = text.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            guard text.utf8.count <= 2, let index = Int(decimal: text.utf8), index < CopySet.maximumCount else {
                return nil
            }
            self = .index(index)
            return
        }
        guard let address = PercentText.decode(text[..<separator]).flatMap({ ServerAddress(parsing: $0) }),
            let number = UInt64(decimal: text[text.utf8.index(after: separator)...].utf8)
        else { return nil }
        self = .stored(address, BeanstalkJobID(number))
    }
}
