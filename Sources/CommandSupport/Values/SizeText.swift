/// Numbers of bytes as people write them: `1000`, `64K`, `16M`, `1G`. A K is 1,024 bytes.
package enum SizeText {
    private static let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]

    /// - Throws: `InvalidText`, naming what is wrong.
    package static func parse(_ text: String) throws(InvalidText) -> Int {
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard (1...12).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(digits)
        else {
            throw InvalidText(
                "\(text.debugDescription) is no number of bytes; write for example 65535, 64K, 16M or 1G")
        }
        return number * (unit ?? 1)
    }
}
