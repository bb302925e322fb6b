import CommandSupport
import Foundation

extension BenchOptions {
    /// Measures each subject in turn, round by round, and prints the report.
    ///
    /// - Parameter reference: what the subjects that others are compared with are; those are measured in any case.
    func run<Work>(
        _ title: String, of subjects: [BenchSubject<Work>], against reference: BenchReport.Reference?,
        and comparisons: [BenchReport.Comparison] = [], measure: (Work) async throws -> Measurement
    ) async throws {
        var report = BenchReport(title: title, reference: reference, comparisons: comparisons)
        let subjects = subjects.filter { subject in
            subject.reference == subject.name || only.map { subject.name.contains($0) } ?? true
        }
        try await inTurns(subjects.map { ($0.name, $0) }) { name, subject, _ in
            report.add(try await measure(subject.work), to: name, comparedWith: subject.reference)
        }
        try await show(report.lines, report.object, report.bars)
    }

    /// Goes through subjects round by round and shows how far it is.
    ///
    /// - Parameter measure: gets the subject's name, the subject, and the number of the round from 0.
    func inTurns<Subject>(
        _ subjects: [(name: String, subject: Subject)],
        measure: (String, Subject, Int) async throws -> Void
    ) async throws {
        let total = rounds * subjects.count
        for round in 0..<rounds {
            for (index, subject) in subjects.enumerated() {
                let done = round * subjects.count + index
                StandardStream.error.showProgress("\(ProgressBar.text(done, of: total))  \(subject.name)")
                try await measure(subject.name, subject.subject, round)
            }
        }
        StandardStream.error.endProgress()
    }

    /// Prints tables, and draws them where that was asked for.
    func show(_ tables: [BenchTable]) async throws {
        guard let first = tables.first else { return }
        if tables.count == 1 { return try await show(first.lines, first.object, first.bars) }
        var object = JSONObject()
        object.add("tables", tables.map(\.object))
        let lines = tables.flatMap { $0.lines + [""] }.dropLast()
        try await show(Array(lines), object, tables.compactMap(\.bars))
    }

    private func show(_ lines: [String], _ object: JSONObject, _ bars: BarChart.Group?) async throws {
        try await show(lines, object, bars.map { [$0] } ?? [])
    }

    private func show(_ lines: [String], _ object: JSONObject, _ groups: [BarChart.Group]) async throws {
        if let plot {
            do {
                try BarChart(groups: groups).svg.write(toFile: plot, atomically: true, encoding: .utf8)
            } catch {
                throw CommandError("\(plot): \(error.localizedDescription)")
            }
        }
        try await StandardStream.output.write(json ? object.line : lines.joined(separator: "\n"))
    }
}
