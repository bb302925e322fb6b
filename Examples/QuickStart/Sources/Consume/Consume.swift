import DelayQueue
import Foundation

@main
struct Consume {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        let endpoints = environment["DQ_NODES"] ?? "127.0.0.1:11300,127.0.0.1:11301"
        let nodes = try endpoints.split(separator: ",").map { try BeanstalkNode(String($0), tube: "quick-start") }
        let ledger = try RedisLedger(environment["DQ_REDIS"] ?? "redis://127.0.0.1:6379")
        let consumer = try Consumer(nodes: nodes, ledger: ledger)

        // Runs until interrupted. A job that is not completed goes back to the queue.
        for try await job in consumer {
            print(job.text, "arrived", job.lateness, "after its time")
            fflush(nil)  // shows it at once, also where the output is a pipe or a file
            try await job.complete()
        }
    }
}
