/// Foreign text made fit for one line of a terminal.
package enum PrintableText {
    /// Escapes control characters, so that text can neither break the line nor steer the terminal.
    ///
    /// - Parameter limit: how many characters are shown before an ellipsis; nil shows all.
    package static func line(_ text: String, limit: Int? = nil) -> String {
        var line = ""
        var count = 0
        for scalar in text.unicodeScalars {
            if let limit, count >= limit {
                line += "…"
                break
            }
            count += 1
            switch scalar {
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            case "\\": line += "\\\\"
            default:
                switch scalar.properties.generalCategory {
                // Formatting characters can reorder the line; a zero-width joiner is part of many emoji.
                case .control, .lineSeparator, .paragraphSeparator: line += escaped(scalar)
                case .format where scalar != "\u{200D}": line += escaped(scalar)
                default: line.unicodeScalars.append(scalar)
                }
            }
        }
        return line
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        "\\u{\(String(scalar.value, radix: 16))}"
    }

    /// Pads on the right to a width in characters.
    package static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(width - text.count, 0))
    }

    package static func rightAligned(_ text: String, to width: Int) -> String {
        String(repeating: " ", count: max(width - text.count, 0)) + text
    }
}
