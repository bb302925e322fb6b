/// Rows of text in aligned columns, the first row their headings.
package struct TextTable {
    private let rows: [[String]]

    package init(_ rows: [[String]]) {
        self.rows = rows
    }

    /// The first column is aligned left, the others right.
    package var lines: [String] {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                column == 0
                    ? PrintableText.padded(cell, to: widths[column])
                    : PrintableText.rightAligned(cell, to: widths[column])
            }
            return cells.joined(separator: "  ")
        }
    }
}
