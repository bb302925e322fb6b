/// Foreign bytes made safe for messages and logs: ASCII only, and short.
enum PrintableExcerpt {
    private static let maximumBytes = 64

    static func of(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if index == maximumBytes { return text + "…" }
            text += Unicode.Scalar(byte).escaped(asASCII: true)
        }
        return text
    }
}
