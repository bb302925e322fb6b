import Configuration
import Metrics
import Reminders

/// The service, with what the environment says. See `Settings`.
@main
struct Serve {
    static func main() async throws {
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(metrics)
        // Traces go where InstrumentationSystem.bootstrap says. With swift-otel that is one line here,
        // let traces = try OTel.bootstrap(), and the service that it returns is run with: [traces].
        let settings = try Settings(ConfigReader(provider: EnvironmentVariablesProvider()))
        try await RemindersService(settings, metrics: metrics).run()
    }
}
