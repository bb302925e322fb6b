package import Beanstalk
package import PipelinedTransport

/// A copy by the server that has it and the number that server gave it.
package struct StoredCopy: Hashable, Sendable {
    package var address: ServerAddress
    package var id: BeanstalkJobID

    package init(_ address: ServerAddress, _ id: BeanstalkJobID) {
        self.address = address
        self.id = id
    }
}

extension StoredCopy: CustomStringConvertible {
    /// `<address>=<id>` with the address percent-encoded; visible ASCII without spaces and commas.
    package var description: String { "\(PercentText.encode(address.description))=\(id)" }

    /// Reads what `description` writes.
    init?(parsing text: some StringProtocol) {
        guard let separator = text.utf8.firstIndex(of: UInt8(ascii: "=")),
            let address = PercentText.decode(text[..<separator]).flatMap({ ServerAddress(parsing: $0) }),
            let number = UInt64(decimal: text[text.utf8.index(after: separator)...].utf8)
        else { return nil }
        self.init(address, BeanstalkJobID(number))
    }
}
