/// Bars in SVG, group below group.
struct BarChart: Sendable {
    struct Bar: Sendable {
        var label: String
        var value: Double
        /// A part of the value that is drawn darker.
        var part: Double?
        var text: String
        /// What others are compared with.
        var isReference = false
    }

    /// Bars of one scale.
    struct Group: Sendable {
        var title: String
        var caption: String
        var bars: [Bar]
    }

    let groups: [Group]

    private static let labelWidth = 290
    private static let barWidth = 420
    private static let rowHeight = 34
    private static let headHeight = 62

    private static let blue = "#3b76af"
    private static let light = "#c6d9ec"
    private static let gray = "#9a9a9a"

    var svg: String {
        var top = 0
        var parts: [String] = []
        for group in groups {
            parts += lines(of: group, top: top)
            top += Self.headHeight + group.bars.count * Self.rowHeight
        }
        let head = """
            <svg xmlns="http://www.w3.org/2000/svg" width="860" height="\(top + 8)" font-family="sans-serif" font-size="13">
            <rect width="100%" height="100%" fill="white"/>
            """
        return ([head] + parts + ["</svg>", ""]).joined(separator: "\n")
    }

    private func lines(of group: Group, top: Int) -> [String] {
        var lines = [
            "<text x=\"16\" y=\"\(top + 26)\" font-size=\"16\">\(Self.escaped(group.title))</text>",
            "<text x=\"16\" y=\"\(top + 46)\" fill=\"#555\">\(Self.escaped(group.caption))</text>",
        ]
        let largest = group.bars.map(\.value).max() ?? 1
        for (index, bar) in group.bars.enumerated() {
            let y = top + Self.headHeight + index * Self.rowHeight
            lines.append(
                "<text x=\"\(Self.labelWidth)\" y=\"\(y + 17)\" text-anchor=\"end\">\(Self.escaped(bar.label))</text>")
            let color = bar.part != nil ? Self.light : bar.isReference ? Self.gray : Self.blue
            lines.append(Self.rectangle(bar.value, of: largest, y: y, color: color))
            if let part = bar.part { lines.append(Self.rectangle(part, of: largest, y: y, color: Self.blue)) }
            let x = Self.labelWidth + 18 + Self.width(bar.value, of: largest)
            lines.append("<text x=\"\(x)\" y=\"\(y + 17)\">\(Self.escaped(bar.text))</text>")
        }
        return lines
    }

    private static func rectangle(_ value: Double, of largest: Double, y: Int, color: String) -> String {
        "<rect x=\"\(labelWidth + 10)\" y=\"\(y)\" width=\"\(width(value, of: largest))\" height=\"24\" fill=\"\(color)\"/>"
    }

    private static func width(_ value: Double, of largest: Double) -> Int {
        max(1, Int(value / max(largest, 1e-9) * Double(barWidth)))
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    }
}
