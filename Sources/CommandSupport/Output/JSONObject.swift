/// A JSON object on one line, its members in the order they were added.
package struct JSONObject {
    private var text = "{"

    package init() {}

    package mutating func add(_ name: String, _ value: some JSONWritable) {
        if text.utf8.count > 1 { text += "," }
        JSONText.append(name, to: &text)
        text += ":"
        value.appendJSON(to: &text)
    }

    /// Adds a member only where there is a value.
    package mutating func add(_ name: String, ifPresent value: (some JSONWritable)?) {
        if let value { add(name, value) }
    }

    package var line: String { text + "}" }
}

/// What can stand in a JSON text.
package protocol JSONWritable {
    func appendJSON(to text: inout String)
}

extension JSONObject: JSONWritable {
    package func appendJSON(to text: inout String) { text += line }
}

extension String: JSONWritable {
    package func appendJSON(to text: inout String) { JSONText.append(self, to: &text) }
}

extension Int: JSONWritable {
    package func appendJSON(to text: inout String) { text += description }
}

extension Bool: JSONWritable {
    package func appendJSON(to text: inout String) { text += description }
}

extension Array: JSONWritable where Element: JSONWritable {
    package func appendJSON(to text: inout String) {
        text += "["
        for (index, element) in enumerated() {
            if index > 0 { text += "," }
            element.appendJSON(to: &text)
        }
        text += "]"
    }
}

extension Optional: JSONWritable where Wrapped: JSONWritable {
    package func appendJSON(to text: inout String) {
        if let self { self.appendJSON(to: &text) } else { text += "null" }
    }
}

/// Milliseconds with three decimals: `12.345`.
package struct JSONMilliseconds: JSONWritable {
    private let duration: Duration

    package init(_ duration: Duration) {
        self.duration = duration
    }

    package func appendJSON(to text: inout String) { text += duration.millisecondsText }
}

/// Seconds with two decimals: `12.34`.
package struct JSONSeconds: JSONWritable {
    private let duration: Duration

    package init(_ duration: Duration) {
        self.duration = duration
    }

    package func appendJSON(to text: inout String) { text += duration.secondsText }
}

enum JSONText {
    /// Appends a string with its quotes.
    ///
    /// Besides what JSON demands, separators that some programs take for the end of a line are escaped, and what a
    /// terminal would not show, or show in another order.
    static func append(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{20}"..."\u{7E}": text.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{9F}": append(escaped: scalar, to: &text)
            default:
                switch scalar.properties.generalCategory {
                case .format, .lineSeparator, .paragraphSeparator: append(escaped: scalar, to: &text)
                default: text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
    }

    private static func append(escaped scalar: Unicode.Scalar, to text: inout String) {
        for unit in String(scalar).utf16 {
            let digits = String(unit, radix: 16)
            text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        }
    }
}
