/// What is wrong with a text somebody wrote, in words that follow a colon.
package struct InvalidText: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
