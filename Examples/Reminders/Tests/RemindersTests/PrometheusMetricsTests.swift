import Metrics
import Testing

@testable import Reminders

@Suite struct PrometheusMetricsTests {
    @Test func countersGaugesAndTimersAreWrittenAsPrometheusReadsThem() {
        let metrics = PrometheusMetrics()
        let counter = metrics.makeCounter(label: "jobs_total", dimensions: [("queue", "a"), ("outcome", "done")])
        counter.increment(by: 2)
        metrics.makeCounter(label: "jobs_total", dimensions: [("outcome", "done"), ("queue", "a")]).increment(by: 1)
        metrics.makeCounter(label: "jobs_total", dimensions: [("queue", "b")]).increment(by: 1)
        let gauge = metrics.makeRecorder(label: "jobs.running", dimensions: [], aggregate: false)
        gauge.record(Int64(5))
        gauge.record(4.5)
        let timer = metrics.makeTimer(label: "run", dimensions: [])
        timer.recordNanoseconds(1_500_000_000)
        timer.recordNanoseconds(500_000_000)
        let meter = metrics.makeMeter(label: "open", dimensions: [])
        meter.increment(by: 2)
        meter.decrement(by: 1)
        #expect(
            metrics.text == """
                # TYPE jobs_running gauge
                jobs_running 4.5
                # TYPE jobs_total counter
                jobs_total{outcome="done",queue="a"} 3.0
                jobs_total{queue="b"} 1.0
                # TYPE open gauge
                open 1.0
                # TYPE run_seconds summary
                run_seconds_sum 2.0
                run_seconds_count 2

                """)
        metrics.destroyCounter(counter)
        #expect(!metrics.text.contains("outcome"))
    }

    @Test func namesAndValuesAreEscaped() {
        let metrics = PrometheusMetrics()
        metrics.makeCounter(label: "9 lives", dimensions: [("a key", "say \"no\"\\\nthen")]).increment(by: 1)
        metrics.makeRecorder(label: "x", dimensions: [], aggregate: false).record(-Double.infinity)
        #expect(
            metrics.text == #"""
                # TYPE _9_lives counter
                _9_lives{a_key="say \"no\"\\\nthen"} 1.0
                # TYPE x gauge
                x -Inf

                """#)
    }

    @Test func aNameIsOfOneKind() {
        let metrics = PrometheusMetrics()
        metrics.makeCounter(label: "x", dimensions: []).increment(by: 1)
        metrics.makeMeter(label: "x", dimensions: []).set(Int64(7))
        #expect(metrics.text == "# TYPE x counter\nx 1.0\n")
    }
}
