public import CoreMetrics
import Synchronization

/// Metrics, and the text in which Prometheus reads them: counters, gauges, and summaries without quantiles.
///
/// It is for small services: each metric is kept until it is destroyed. Where the same name is used for two kinds, the
/// first is shown.
public final class PrometheusMetrics: MetricsFactory {
    private let families = Mutex<[String: Family]>([:])

    public init() {}

    /// All metrics, in the text format 0.0.4.
    public var text: String {
        families.withLock { families in
            families.sorted { $0.key < $1.key }.map { name, family in
                "# TYPE \(name) \(family.kind)\n"
                    + family.series.sorted { $0.key < $1.key }.map { $1.lines(name: name, labels: $0) }.joined()
            }.joined()
        }
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(.counter, label, dimensions)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(.counter, label, dimensions)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(.gauge, label, dimensions)
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        series(aggregate ? .summary : .gauge, label, dimensions)
    }

    /// Durations are told in seconds, and the name says so.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(.summary, label.hasSuffix("_seconds") ? label : label + "_seconds", dimensions)
    }

    public func destroyCounter(_ handler: any CounterHandler) { destroy(handler) }
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { destroy(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { destroy(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { destroy(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { destroy(handler) }

    private func series(_ kind: Series.Kind, _ label: String, _ dimensions: [(String, String)]) -> Series {
        let name = Self.name(label, also: ":")
        // Names that differ in other characters only would be one label twice.
        let labels = Dictionary(dimensions.map { (Self.name($0), Self.escaped($1)) }) { first, _ in first }
            .sorted { $0.key < $1.key }.map { "\($0)=\"\($1)\"" }.joined(separator: ",")
        return families.withLock { families in
            var family = families[name] ?? Family(kind: kind)
            guard family.kind == kind else { return Series(kind) }
            let series = family.series[labels] ?? Series(kind)
            family.series[labels] = series
            families[name] = family
            return series
        }
    }

    private func destroy(_ handler: AnyObject) {
        families.withLock { families in
            families = families.compactMapValues { family in
                let left = family.series.filter { $0.value !== handler }
                return left.isEmpty ? nil : Family(kind: family.kind, series: left)
            }
        }
    }

    /// What Prometheus takes for a name: letters, digits and underscores, not beginning with a digit.
    private static func name(_ text: String, also allowed: Character? = nil) -> String {
        let name = String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == allowed ? $0 : "_" })
        return name.first.map { $0.isNumber } ?? true ? "_" + name : name
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}

private struct Family {
    let kind: Series.Kind
    /// By their labels, as they are written.
    var series: [String: Series] = [:]
}

/// One metric: a number, or the sum and count of many.
private final class Series: Sendable {
    enum Kind: String { case counter, gauge, summary }

    private let kind: Kind
    private let state = Mutex<(value: Double, count: Int)>((0, 0))

    init(_ kind: Kind) { self.kind = kind }

    func add(_ amount: Double) { state.withLock { $0 = ($0.value + amount, $0.count + 1) } }
    func set(_ value: Double) { state.withLock { $0.value = value } }

    func lines(name: String, labels: String) -> String {
        let (value, count) = state.withLock { $0 }
        let labels = labels.isEmpty ? "" : "{\(labels)}"
        return kind == .summary
            ? "\(name)_sum\(labels) \(number(value))\n\(name)_count\(labels) \(count)\n"
            : "\(name)\(labels) \(number(value))\n"
    }

    private func number(_ value: Double) -> String {
        value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : "\(value)"
    }
}

extension Series: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    func increment(by amount: Int64) { add(Double(amount)) }
    func increment(by amount: Double) { add(amount) }
    func decrement(by amount: Double) { add(-amount) }
    func reset() { set(0.0) }
    func set(_ value: Int64) { set(Double(value)) }
    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) { kind == .gauge ? set(value) : add(value) }
    func recordNanoseconds(_ duration: Int64) { add(Double(duration) / 1e9) }
}
