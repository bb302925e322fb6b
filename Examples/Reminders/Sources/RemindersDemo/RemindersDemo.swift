import Configuration
import DelayQueueTestKit
import Metrics
import Reminders

/// The service with servers of its own: three nodes and a Redis, which are gone when it ends. A digest is made each minute.
@main
struct RemindersDemo {
    static func main() async throws {
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(metrics)
        try await withLocalCluster { cluster in
            let queue = try cluster.queueAddress("reminders")
            let settings = try Settings(
                ConfigReader(providers: [
                    InMemoryProvider(values: ["dq.queue": .init(stringLiteral: queue), "database": ":memory:"]),
                    EnvironmentVariablesProvider(),
                    InMemoryProvider(values: ["digest.crontab": "* * * * *"]),
                ]))
            try await RemindersService(settings, metrics: metrics).run()
        }
    }
}
