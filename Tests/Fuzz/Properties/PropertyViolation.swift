/// A reader broke its promise on some input.
package struct PropertyViolation: Error, CustomStringConvertible {
    package var description: String

    init(_ description: String) {
        self.description = description
    }
}
