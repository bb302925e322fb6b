/// A promise that was broken, in words.
package struct Violation: Error, Equatable, CustomStringConvertible {
    package let description: String
}
