import DelayQueue
import Foundation
import Hummingbird
import Logging
public import ServiceLifecycle
import UnixSignals

/// The whole service.
public struct RemindersService: Sendable {
    let planner: Planner
    let metrics: PrometheusMetrics
    var http = ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0))
    /// What dates of requests are measured against.
    var now: @Sendable () -> Date = { .now }
    /// Called with the page's address once the server listens.
    var whenListening: @Sendable (_ address: String) -> Void = { address in
        print("the page is at", address)
        fflush(nil)  // shows it at once, also where the output is a pipe or a file
    }

    /// Runs until SIGTERM or SIGINT.
    ///
    /// - Parameter others: run beside it, and end after it.
    public func run(with others: [any Service] = []) async throws {
        try await makeGroup(signals: [.sigterm, .sigint], others).run()
    }

    func makeGroup(signals: [UnixSignal] = [], _ others: [any Service] = []) throws -> ServiceGroup {
        // They end from the last to the first: no more requests, then no more jobs, then the queue is closed.
        let services = others + [planner.queue, try planner.makeWorker(), makeServer()]
        return ServiceGroup(services: services, gracefulShutdownSignals: signals, logger: planner.logger)
    }

    func makeServer() -> some Service {
        Application(
            router: makeRouter(planner, metrics: metrics, now: now), configuration: http,
            onServerRunning: { channel in
                guard let address = channel.localAddress, let host = address.ipAddress, let port = address.port else {
                    return
                }
                whenListening("http://\(host):\(port)/")
            },
            logger: planner.logger)
    }
}

extension RemindersService {
    /// - Throws: where the queue's address, the crontab or the database is not usable.
    public init(_ settings: Settings, metrics: PrometheusMetrics) throws {
        let planner = Planner(
            queue: try JobQueue(settings.queue), store: try ReminderStore(path: settings.database), feed: EventFeed(),
            digests: settings.digests)
        self.init(planner: planner, metrics: metrics, http: settings.http)
    }
}
