import DelayQueue
import Foundation

@main
struct Produce {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        let endpoints = environment["DQ_NODES"] ?? "127.0.0.1:11300,127.0.0.1:11301"
        let nodes = try endpoints.split(separator: ",").map { try BeanstalkNode(String($0), tube: "quick-start") }
        let ledger = try RedisLedger(environment["DQ_REDIS"] ?? "redis://127.0.0.1:6379")
        let producer = try Producer(nodes: nodes, ledger: ledger)

        // Five jobs, five seconds from now.
        for number in 1000..<1005 {
            let receipt = try await producer.delay(.seconds(5), "\(number)")
            print("scheduled \(number) for \(receipt.fireDate)")
        }

        // And one for an instant, to the microsecond.
        let receipt = try await producer.at(Date.now.addingTimeInterval(5.25), "a quarter second later")
        print("its receipt, with which it could be revoked:", receipt)

        await producer.close()
        await ledger.close()
    }
}
