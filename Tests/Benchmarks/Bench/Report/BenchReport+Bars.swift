import CommandSupport

extension BenchReport {
    /// Rates; or, where every row has latencies, those.
    var bars: BarChart.Group {
        let rows = rows
        let isAboutTime = rows.allSatisfy { $0.latencies != nil }
        let others = Set(ratios.map(\.comparison.other))
        let bars = rows.map { row in
            if isAboutTime, let latencies = row.latencies {
                return BarChart.Bar(
                    label: row.subject, value: latencies.p99 / .microseconds(1),
                    part: latencies.median / .microseconds(1),
                    text: "\(latencies.median.millisecondsText) ms, \(latencies.p99.millisecondsText) ms")
            }
            return BarChart.Bar(
                label: row.subject, value: row.rate,
                text: Self.whole(row.rate) + (row.ratio.map { "  (\(Self.decimal($0, 2)))" } ?? ""),
                isReference: row.isReference || others.contains(row.subject))
        }
        return BarChart.Group(
            title: title,
            caption: isAboutTime
                ? "median, and the 99th of a hundred (light)"
                : "jobs per second" + (reference.map { ", and the ratio to \($0.text)" } ?? ""),
            bars: bars)
    }
}
