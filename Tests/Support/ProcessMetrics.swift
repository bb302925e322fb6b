import Metrics
package import MetricsTestKit

/// The metrics of the tests' process, which can be directed once. Each test looks at its own queue's, and asks for this before
/// it makes anything that counts.
package let processMetrics: TestMetrics = {
    let metrics = TestMetrics()
    MetricsSystem.bootstrap(metrics)
    return metrics
}()
