/// Who asks for a claim or a replay: a token made afresh for each such request.
///
/// A request that is repeated after a lost reply has the same token, and is granted again; a request with any other
/// token is somebody else's.
package struct ClaimOwner: Hashable, Sendable, CustomStringConvertible {
    /// The longest token in bytes.
    package static let maximumLength = 64

    package let description: String

    /// - Parameter text: 1 to 64 visible ASCII characters.
    /// - Throws: `invalidOption`.
    package init(_ text: String) throws(DelayQueueError) {
        guard (1...Self.maximumLength).contains(text.utf8.count), text.utf8.allSatisfy(\.isVisibleASCII) else {
            throw DelayQueueError(
                .invalidOption, "a claim's owner is 1 to \(Self.maximumLength) visible ASCII characters without spaces")
        }
        description = text
    }

    package init(unchecked text: String) {
        description = text
    }

    /// 75 random bits as 15 characters.
    package static func random() -> ClaimOwner {
        let digits = Array("0123456789abcdefghijklmnopqrstuv".utf8)
        let text = (0..<15).map { _ in digits[Int.random(in: 0..<32)] }
        return ClaimOwner(unchecked: String(decoding: text, as: UTF8.self))
    }

    /// Stands for the owner of a job that a go-queue consumer has locked: none of this package's claims.
    static let nobody = ClaimOwner(unchecked: "")
}
