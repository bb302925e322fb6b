/// What is wrong with a text somebody wrote, in words that follow a colon.
struct InvalidText: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
