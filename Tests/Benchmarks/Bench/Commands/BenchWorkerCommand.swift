import ArgumentParser
import CommandSupport
import DelayQueue
import Foundation

/// A consumer that is measured in a process of its own; `BenchWorker` is who talks to it.
///
/// It reads lines: `go` starts it, `tell` is answered with a line, and the end of the input ends it, with a last line.
struct BenchWorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Consume for a measurement.", shouldDisplay: false)

    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
        let ledger = try cluster.requiredLedger()
        let consumer = try Consumer(
            nodes: try cluster.resolvedNodes(), ledger: ledger, configuration: try cluster.consumerConfiguration(),
            logger: cluster.logger(label: "dq.bench.worker"))
        let tally = BenchWorkerTally()
        let (started, start) = AsyncStream<Never>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in started {}
                for try await job in consumer {
                    job.completeSoon()
                    tally.add(job.id)
                }
            }
            group.addTask {
                let input = try ByteSource(path: "-")
                var lines = LineSplitter(maximumLength: 64)
                while case let bytes = try await input.next(atMost: 1_024), !bytes.isEmpty {
                    for line in lines.feed(bytes) {
                        switch line.bytes {
                        case Data("go".utf8): start.finish()
                        case Data("tell".utf8): try await StandardStream.output.write(tally.report.line)
                        default: throw CommandError("a worker is told go or tell")
                        }
                    }
                }
                await consumer.finish()
                start.finish()
            }
            try await group.waitForAll()
        }
        await consumer.close()
        await ledger.close()
        try await StandardStream.output.write(tally.report.line)
    }
}
