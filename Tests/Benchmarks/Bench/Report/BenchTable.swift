import CommandSupport

/// Results that are more than a rate beside a ceiling: a table whose columns the measurement chooses.
struct BenchTable: Sendable {
    struct Column: Sendable {
        var heading: String
        /// The name in JSON.
        var key: String
        var decimals: Int
        var unit = ""
        /// Whether the chart shows it.
        var isDrawn = false
    }

    struct Row: Sendable {
        var name: String
        /// A value for each column; nil where there is none.
        var values: [Double?]
    }

    var title: String
    var columns: [Column]
    var rows: [Row] = []
    /// What is said below the table.
    var notes: [String] = []

    var lines: [String] {
        let cells = rows.map { row in
            [row.name]
                + zip(columns, row.values).map { column, value in
                    value.map { BenchReport.decimal($0, column.decimals) + column.unit } ?? "-"
                }
        }
        return [title] + TextTable([[""] + columns.map(\.heading)] + cells).lines + notes
    }

    var object: JSONObject {
        var object = JSONObject()
        object.add("title", title)
        object.add(
            "results",
            rows.map { row in
                var result = JSONObject()
                result.add("name", row.name)
                for (column, value) in zip(columns, row.values) {
                    result.add(column.key, value.map { JSONDecimal($0, decimals: column.decimals) })
                }
                return result
            })
        if !notes.isEmpty { object.add("notes", notes) }
        return object
    }

    /// The column to be drawn as bars; nil where there is none.
    var bars: BarChart.Group? {
        guard let index = columns.firstIndex(where: \.isDrawn) else { return nil }
        let column = columns[index]
        let bars = rows.compactMap { row in
            row.values[index].map { value in
                BarChart.Bar(
                    label: row.name, value: value, text: BenchReport.decimal(value, column.decimals) + column.unit)
            }
        }
        return BarChart.Group(title: title, caption: column.heading, bars: bars)
    }
}
