import Configuration
import DelayQueue
import DelayQueueTestKit
import Foundation
import Metrics
import Testing

@testable import Reminders

/// The whole service with real servers, through HTTP.
@Suite(.timeLimit(.minutes(2)))
struct ServiceTests {
    /// One for the whole process.
    private static let metrics: PrometheusMetrics = {
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(metrics)
        return metrics
    }()

    @Test func aReminderIsCreatedFiredAndCounted() async throws {
        let metrics = Self.metrics
        try await withLocalCluster { cluster in
            try await RemindersService(testing: cluster, "counted", metrics: metrics).running { address in
                let client = try HTTPClient(address)
                try await client.watching { until in
                    let created = try await client.send("POST", "/reminders", #"{"text":"tea","seconds":0.2}"#)
                    #expect(created.status == 201)
                    #expect(created.body.contains(#""state":"waiting""#))
                    try await until(#""state":"fired""#)
                }
                #expect(try await client.send("GET", "/reminders").body.contains(#""text":"tea""#))
                #expect(try await client.send("GET", "/metrics").body.contains("# TYPE dq_job_runs_total counter"))
            }
            // Nothing runs any more, so all that ended has been counted.
            #expect(metrics.text.contains(#"dq_job_runs_total{outcome="completed",queue="counted",type="remind"} 1.0"#))
        }
    }

    @Test func aReminderIsRevoked() async throws {
        try await withLocalCluster { cluster in
            try await RemindersService(testing: cluster, "revoked").running { address in
                let client = try HTTPClient(address)
                let created = try await client.send("POST", "/reminders", #"{"text":"tea","date":"\#(Self.tomorrow)"}"#)
                #expect(created.status == 201)
                let id = try Self.decode(Created.self, created.body).id
                #expect(try await client.send("DELETE", "/reminders/\(id)").body.contains(#""state":"revoked""#))
                #expect(try await client.send("DELETE", "/reminders/\(id)").status == 404)
                #expect(try await client.send("GET", "/reminders").body == "[]")
            }
        }
    }

    @Test func whatIsWrongWithAReminderIsTold() async throws {
        try await withTestQueue { test in
            let service = RemindersService(planner: try Planner(testing: test.queue), metrics: PrometheusMetrics())
            try await service.serving { address in
                let client = try HTTPClient(address)
                for (body, message) in [
                    (#"{"text":" ","seconds":1}"#, "text has 0 characters; write 1 to 500"),
                    (#"{"text":"x"}"#, "the time is missing; give seconds or date"),
                    (#"{"text":"x","seconds":-5}"#, "seconds is past, or more than ten years away"),
                    (#"{"text":"x","date":"1999-01-01T00:00:00Z"}"#, "date is past, or more than ten years away"),
                ] {
                    let answer = try await client.send("POST", "/reminders", body)
                    #expect(answer.status == 400)
                    #expect(answer.body.contains(message))
                }
                #expect(try await client.send("POST", "/reminders", "{").status == 400)
                #expect(try await client.send("DELETE", "/reminders/none").status == 404)
            }
        }
    }

    @Test func itIsHealthyWhileTheLedgerAnswers() async throws {
        try await withLocalCluster { cluster in
            try await RemindersService(testing: cluster, "healthy").running { address in
                let client = try HTTPClient(address)
                let healthy = try await client.send("GET", "/health")
                #expect(healthy.status == 200)
                #expect(try Self.decode([String: String].self, healthy.body) == ["database": "ok", "ledger": "ok"])
                await cluster.redis?.stop()
                let unhealthy = try await client.send("GET", "/health")
                #expect(unhealthy.status == 503)
                #expect(
                    try Self.decode([String: String].self, unhealthy.body)["ledger"]?.hasPrefix("ledgerUnavailable")
                        == true)
            }
        }
    }

    private struct Created: Decodable { let id: String }

    private static var tomorrow: String { Date.now.addingTimeInterval(86_400).formatted(.iso8601) }

    private static func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}

extension RemindersService {
    init(testing cluster: LocalCluster, _ queue: String, metrics: PrometheusMetrics = .init()) throws {
        let address = try cluster.queueAddress(queue)
        let environment = ["DQ_QUEUE": address, "DATABASE": ":memory:", "HTTP_PORT": "0"]
        let provider = EnvironmentVariablesProvider(environmentVariables: environment)
        try self.init(Settings(ConfigReader(provider: provider)), metrics: metrics)
    }
}
