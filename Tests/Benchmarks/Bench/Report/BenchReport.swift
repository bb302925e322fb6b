import Foundation

/// The measurements of several rounds, side by side.
struct BenchReport: Sendable {
    let title: String
    /// In the order they are shown; the first is what others are compared with, where there is a reference.
    private(set) var subjects: [String] = []
    private var measurements: [String: [Measurement]] = [:]
    /// What the first subject is to the others; nil where it is nothing.
    let reference: Reference?

    enum Reference: Sendable {
        case ceiling, first

        var text: String { self == .ceiling ? "the ceiling" : "the first" }
        /// The name of a ratio to it in JSON.
        var key: String { self == .ceiling ? "ratioToCeiling" : "ratioToFirst" }
    }

    /// A second ceiling, which has no more jobs under way than some of the subjects have.
    struct Limited: Sendable {
        /// The subject that is this ceiling.
        var ceiling: String
        /// Those compared with it.
        var subjects: [String]
    }

    let limited: Limited?

    init(title: String, reference: Reference?, limited: Limited? = nil) {
        self.title = title
        self.reference = reference
        self.limited = limited
    }

    mutating func add(_ measurement: Measurement, to subject: String) {
        if measurements[subject] == nil { subjects.append(subject) }
        measurements[subject, default: []].append(measurement)
    }

    /// What is shown of one subject: medians over the rounds.
    struct Row: Sendable {
        var subject: String
        var jobs: Int
        var rate: Double
        /// The rate next to the reference's in the same round.
        var ratio: Double?
        /// The same to the ceiling that has no more jobs under way.
        var limitedRatio: Double?
        var clientCPU: Duration
        var serverCPU: Duration
        var nodeCommands: Double
        var ledgerBytes: Double
        var peakMemory: Int
        /// Latencies below zero: jobs delivered before their time.
        var early: Int
        /// Of all rounds together.
        var latencies: Quantiles?
    }

    var rows: [Row] {
        subjects.map { subject in
            let passes = measurements[subject] ?? []
            return Row(
                subject: subject, jobs: passes.first?.jobs ?? 0, rate: Self.median(passes.map(\.rate)),
                ratio: reference.flatMap { _ in subjects.first.flatMap { ratio(passes, to: $0) } },
                limitedRatio: limited.flatMap { $0.subjects.contains(subject) ? ratio(passes, to: $0.ceiling) : nil },
                clientCPU: Self.median(passes.map { $0.perJob($0.clientCPU) }),
                serverCPU: Self.median(passes.map { $0.perJob($0.serverCPU) }),
                nodeCommands: Self.median(passes.map { $0.perJob($0.nodeCommands) }),
                ledgerBytes: Self.median(passes.map { $0.perJob($0.ledgerBytes) }),
                peakMemory: passes.map(\.peakMemory).max() ?? 0,
                early: passes.reduce(0) { $0 + $1.latencies.count { $0 < .zero } },
                latencies: Quantiles(passes.flatMap(\.latencies)))
        }
    }

    /// The median of the ratios within each round; nil where the other was not measured.
    private func ratio(_ passes: [Measurement], to other: String) -> Double? {
        measurements[other].map { others in Self.median(zip(passes, others).map { $0.rate / $1.rate }) }
    }

    static func median<Value: Comparable>(_ values: [Value]) -> Value where Value: AdditiveArithmetic {
        let sorted = values.sorted()
        return sorted.isEmpty ? .zero : sorted[(sorted.count - 1) / 2]
    }
}

/// Where in an ordered list of times a share of them ends.
struct Quantiles: Sendable {
    private let sorted: [Duration]

    /// - Returns: nil for no times.
    init?(_ times: [Duration]) {
        guard !times.isEmpty else { return nil }
        sorted = times.sorted()
    }

    /// - Parameter share: from 0 to 1.
    subscript(share: Double) -> Duration {
        sorted[min(Int(Double(sorted.count) * share), sorted.count - 1)]
    }

    var median: Duration { self[0.5] }
    var p99: Duration { self[0.99] }
    var max: Duration { self[1] }
}
