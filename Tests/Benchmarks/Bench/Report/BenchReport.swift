import Foundation

/// The measurements of several rounds, side by side.
struct BenchReport: Sendable {
    let title: String
    /// In the order they are shown.
    private(set) var subjects: [String] = []
    private var measurements: [String: [Measurement]] = [:]
    /// What each subject is compared with, by name.
    private var references: [String: String] = [:]
    /// What the subjects that others are compared with are to them; nil where nothing is compared.
    let reference: Reference?

    enum Reference: Sendable {
        case ceiling, first

        var text: String { self == .ceiling ? "the ceiling" : "the first" }
        /// The name of a ratio to it in JSON.
        var key: String { self == .ceiling ? "ratioToCeiling" : "ratioToFirst" }
    }

    /// Two subjects whose rates are compared besides.
    struct Comparison: Sendable, Hashable {
        var subject: String
        var other: String
    }

    let comparisons: [Comparison]

    init(title: String, reference: Reference?, comparisons: [Comparison] = []) {
        self.title = title
        self.reference = reference
        self.comparisons = comparisons
    }

    mutating func add(_ measurement: Measurement, to subject: String, comparedWith reference: String? = nil) {
        if measurements[subject] == nil { subjects.append(subject) }
        measurements[subject, default: []].append(measurement)
        references[subject] = reference
    }

    /// What is shown of one subject: medians over the rounds.
    struct Row: Sendable {
        var subject: String
        var jobs: Int
        var rate: Double
        /// The rate next to the reference's in the same round.
        var ratio: Double?
        /// Others are compared with it.
        var isReference: Bool
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
                ratio: references[subject].flatMap { ratio(of: subject, to: $0) },
                isReference: references[subject] == subject,
                clientCPU: Self.median(passes.map { $0.perJob($0.clientCPU) }),
                serverCPU: Self.median(passes.map { $0.perJob($0.serverCPU) }),
                nodeCommands: Self.median(passes.map { $0.perJob($0.nodeCommands) }),
                ledgerBytes: Self.median(passes.map { $0.perJob($0.ledgerBytes) }),
                peakMemory: passes.map(\.peakMemory).max() ?? 0,
                early: passes.reduce(0) { $0 + $1.latencies.count { $0 < .zero } },
                latencies: Quantiles(passes.flatMap(\.latencies)))
        }
    }

    /// The comparisons of what was measured.
    var ratios: [(comparison: Comparison, ratio: Double)] {
        comparisons.compactMap { comparison in
            ratio(of: comparison.subject, to: comparison.other).map { (comparison, $0) }
        }
    }

    /// The median of the ratios within each round; nil where one of them was not measured.
    private func ratio(of subject: String, to other: String) -> Double? {
        guard let passes = measurements[subject], let others = measurements[other] else { return nil }
        return Self.median(zip(passes, others).map { $0.rate / $1.rate })
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
