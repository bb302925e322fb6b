import CommandSupport

extension BenchReport {
    var lines: [String] {
        let rows = rows
        let hasLatencies = rows.contains { $0.latencies != nil }
        var cells: [[String]] = [
            ["", "jobs/s", "ratio", "client CPU", "server CPU", "node commands", "ledger bytes", "RSS"]
        ]
        if hasLatencies { cells[0] += ["p50", "p99", "max", "early"] }
        for row in rows {
            var line = [
                row.subject, Self.whole(row.rate), row.ratio.map { Self.decimal($0, 2) } ?? "-",
                row.clientCPU.microsecondsText, row.serverCPU.microsecondsText, Self.decimal(row.nodeCommands, 2),
                Self.whole(row.ledgerBytes), "\(row.peakMemory >> 20) MB",
            ]
            if let latencies = row.latencies {
                line +=
                    [latencies.median, latencies.p99, latencies.max].map { "\($0.millisecondsText) ms" } + [
                        "\(row.early)"
                    ]
            } else if hasLatencies {
                line += ["-", "-", "-", "-"]
            }
            cells.append(line)
        }
        return [title] + TextTable(cells).lines
            + ["CPU, commands and bytes are a job's; RSS is the most a process has had so far."]
            + ratios.map { "\($0.comparison.subject) / \($0.comparison.other)  \(Self.decimal($0.ratio, 2))" }
    }

    var object: JSONObject {
        var object = JSONObject()
        object.add("title", title)
        object.add(
            "results",
            rows.map { row in
                var result = JSONObject()
                result.add("name", row.subject)
                result.add("jobs", row.jobs)
                result.add("jobsPerSecond", JSONDecimal(row.rate, decimals: 1))
                result.add((reference ?? .ceiling).key, row.ratio.map { JSONDecimal($0, decimals: 4) })
                result.add("clientMicrosecondsPerJob", JSONDecimal(row.clientCPU / .microseconds(1), decimals: 3))
                result.add("serverMicrosecondsPerJob", JSONDecimal(row.serverCPU / .microseconds(1), decimals: 3))
                result.add("nodeCommandsPerJob", JSONDecimal(row.nodeCommands, decimals: 3))
                result.add("ledgerBytesPerJob", JSONDecimal(row.ledgerBytes, decimals: 1))
                result.add("peakMemory", row.peakMemory)
                if let latencies = row.latencies {
                    result.add("p50Ms", JSONMilliseconds(latencies.median))
                    result.add("p99Ms", JSONMilliseconds(latencies.p99))
                    result.add("early", row.early)
                    result.add("maxMs", JSONMilliseconds(latencies.max))
                }
                return result
            })
        object.add(
            "comparisons",
            ratios.map { comparison, ratio in
                var result = JSONObject()
                result.add("name", comparison.subject)
                result.add("other", comparison.other)
                result.add("ratio", JSONDecimal(ratio, decimals: 4))
                return result
            })
        return object
    }

    static func whole(_ number: Double) -> String { "\(Int(number.rounded()))" }

    static func decimal(_ number: Double, _ decimals: Int) -> String {
        var text = ""
        JSONDecimal(number, decimals: decimals).appendJSON(to: &text)
        return text
    }
}

/// A number with a fixed count of decimals.
struct JSONDecimal: JSONWritable {
    let number: Double
    let decimals: Int

    init(_ number: Double, decimals: Int) {
        self.number = number
        self.decimals = decimals
    }

    func appendJSON(to text: inout String) {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int64((min(max(number, -1e12), 1e12) * scale).rounded())
        let digits = String(scaled.magnitude)
        let padded = String(repeating: "0", count: max(decimals + 1 - digits.utf8.count, 0)) + digits
        text += (scaled < 0 ? "-" : "") + padded.dropLast(decimals)
        if decimals > 0 { text += "." + padded.suffix(decimals) }
    }
}

extension Duration {
    /// In microseconds with one decimal, as `12.3 µs`.
    var microsecondsText: String { BenchReport.decimal(self / .microseconds(1), 1) + " µs" }
}
