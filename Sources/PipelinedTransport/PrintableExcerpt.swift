/// Foreign bytes made safe for messages and logs: visible ASCII only, and short.
package enum PrintableExcerpt {
    /// - Parameter limit: how many bytes are shown before an ellipsis.
    package static func of(_ bytes: some Sequence<UInt8>, limit: Int = 64) -> String {
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if index == limit { return text + "…" }
            switch byte {
            case UInt8(ascii: "\\"): text += "\\\\"
            case 0x20...0x7E: text.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "\n"): text += "\\n"
            case UInt8(ascii: "\r"): text += "\\r"
            case UInt8(ascii: "\t"): text += "\\t"
            default:
                let digits = String(byte, radix: 16)
                text += byte < 16 ? "\\x0\(digits)" : "\\x\(digits)"
            }
        }
        return text
    }
}
