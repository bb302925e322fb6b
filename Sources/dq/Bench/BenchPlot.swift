/// A report as a picture: bars in SVG.
struct BenchPlot {
    let report: BenchReport

    private static let labelWidth = 290
    private static let barWidth = 420
    private static let rowHeight = 34

    var svg: String {
        let rows = report.rows
        let isAboutTime = rows.allSatisfy { $0.latencies != nil }
        let height = 70 + rows.count * Self.rowHeight
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" width="860" height="\(height)" font-family="sans-serif" font-size="13">
            <rect width="100%" height="100%" fill="white"/>
            <text x="16" y="26" font-size="16">\(Self.escaped(report.title))</text>
            <text x="16" y="46" fill="#555">\(isAboutTime ? "median, and the 99th of a hundred (light)" : "jobs per second")</text>
            """
        ]
        let values = rows.map { row in
            isAboutTime ? (row.latencies?.p99 ?? .zero) / .microseconds(1) : row.rate
        }
        let largest = values.max() ?? 1
        for (index, row) in rows.enumerated() {
            let y = 62 + index * Self.rowHeight
            parts.append(
                "<text x=\"\(Self.labelWidth)\" y=\"\(y + 17)\" text-anchor=\"end\">\(Self.escaped(row.subject))</text>"
            )
            let text: String
            if isAboutTime, let latencies = row.latencies {
                parts.append(bar(latencies.p99 / .microseconds(1), of: largest, y: y, color: "#c6d9ec"))
                parts.append(bar(latencies.median / .microseconds(1), of: largest, y: y, color: "#3b76af"))
                text = "\(latencies.median.millisecondsText) ms, \(latencies.p99.millisecondsText) ms"
            } else {
                parts.append(
                    bar(row.rate, of: largest, y: y, color: index == 0 && report.hasCeiling ? "#9a9a9a" : "#3b76af"))
                text = BenchReport.whole(row.rate) + (row.ratio.map { "  (\(BenchReport.decimal($0, 2)))" } ?? "")
            }
            parts.append(
                "<text x=\"\(Self.labelWidth + 18 + Self.width(values[index], of: largest))\" y=\"\(y + 17)\">\(text)</text>"
            )
        }
        return (parts + ["</svg>", ""]).joined(separator: "\n")
    }

    private func bar(_ value: Double, of largest: Double, y: Int, color: String) -> String {
        "<rect x=\"\(Self.labelWidth + 10)\" y=\"\(y)\" width=\"\(Self.width(value, of: largest))\" height=\"24\" fill=\"\(color)\"/>"
    }

    private static func width(_ value: Double, of largest: Double) -> Int {
        max(1, Int(value / max(largest, 1e-9) * Double(barWidth)))
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    }
}
