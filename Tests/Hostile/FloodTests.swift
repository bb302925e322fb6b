import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import Logging
import NIOCore
import NIOPosix
import PipelinedTransport
import Subprocess
import TestSupport
import Testing

/// Nodes that send the largest and the most of everything, and keep to the protocol.
@Suite("Floods", .serialized, .timeLimit(.minutes(4)))
struct FloodTests {
    /// Due a little later than a consumer holds jobs for, so that it holds all it can get.
    private static let line: @Sendable () -> String = {
        "\(Timestamp.now().microseconds + 1_900_000) 0/1 60 1"
    }

    private static let floods: [FloodNode.Behaviour] = [
        // More than is read; as much as is read; and the statistics of strangers' jobs, as long as they like.
        FloodNode.Behaviour(line: line, recordSize: 16 << 20),
        FloodNode.Behaviour(line: line, recordSize: 1 << 20),
        FloodNode.Behaviour(line: nil, recordSize: 300_000, statisticsSize: 64 << 10),
    ]

    private static let jobs = 60

    @Test func `three hostile nodes take less than 300 MB, and healthy nodes' jobs are not late`() async throws {
        let quiet = try await consume(beside: [])
        let (memory, lateness) = try await consume(beside: Self.floods)
        #expect(memory < 300 << 20, "\(memory >> 20) MiB")
        // A machine that has too much to do is late by more, also without hostile nodes.
        let limit = 50 + 20 * quiet.lateness.median
        #expect(lateness.median < limit, "\(lateness.summary), and \(quiet.lateness.summary) without")
        print("without: \(quiet.memory >> 20) MiB, late by \(quiet.lateness.summary)")
        print("with: \(memory >> 20) MiB, late by \(lateness.summary)")
    }

    /// Runs `dq consume` on two healthy nodes, whose jobs it runs, and on others.
    ///
    /// - Returns: the most memory that it had, in bytes, and how late each job of the healthy nodes was, in milliseconds.
    private func consume(beside floods: [FloodNode.Behaviour]) async throws -> (memory: Int, lateness: [Double]) {
        try await withFloods(floods[...], []) { hostile in
            try await withLocalCluster(nodes: 2) { cluster in
                let producer = Tool(cluster)
                var consumer = producer
                consumer.environment["DQ_NODES"] = (hostile.map(\.address) + cluster.addresses).joined(separator: ",")
                // The jobs of hostile nodes are left out here, or this process would read them all.
                consumer.script =
                    #"(echo "pid $(exec sh -c 'echo $PPID')"; exec "$@") | grep -a --line-buffered -e '^pid' -e healthy"#
                return try await consumer.start(["consume", "--json", "--concurrency", "256"]) { running in
                    let first = try #require(try await running.nextLine())
                    let process = try #require(pid_t(first.dropFirst(4)))
                    defer { kill(process, SIGTERM) }
                    let lines = (0..<Self.jobs).map {
                        #"{"in":"\#(3_000 + $0 * 50)ms","body":"x","id":"healthy-\#($0)"}"#
                    }
                    let loaded = try await producer.run(
                        ["load", "-"], input: Array(lines.joined(separator: "\n").utf8))
                    #expect(loaded.status == .exited(0), "\(loaded.errors)")
                    var lateness: [Double] = []
                    while lateness.count < Self.jobs, let line = try await running.nextLine() {
                        lateness.append(try JSONLine(line).number("latenessMs"))
                    }
                    #expect(lateness.count == Self.jobs)
                    // Their jobs were buried unread, run, and buried as strangers' where their statistics could be read.
                    for (node, command) in zip(hostile, ["bury", "delete", "stats-job"]) {
                        #expect(node[command] > 10, "\(command)")
                    }
                    return (try Self.peakMemory(of: process), lateness)
                }.0
            }
        }
    }

    private func withFloods<R>(
        _ floods: ArraySlice<FloodNode.Behaviour>, _ nodes: [FloodNode], _ body: ([FloodNode]) async throws -> R
    ) async throws -> R {
        guard let flood = floods.first else { return try await body(nodes) }
        return try await FloodNode.running(flood) {
            try await withFloods(floods.dropFirst(), nodes + [$0], body)
        }
    }

    private static func peakMemory(of process: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }) << 10
    }

    // MARK: Single answers

    @Test func `statistics of a job are short, or the end of the connection`() async throws {
        for (size, isTaken) in [(64 << 10, true), ((64 << 10) + 1, false), (16 << 20, false)] {
            let flood = FloodNode.Behaviour(line: nil, recordSize: 1, statisticsSize: size)
            try await FloodNode.running(flood) { node in
                let loop = MultiThreadedEventLoopGroup.singleton.next()
                let connection = BeanstalkConnection.consuming(
                    .hostname("127.0.0.1", port: node.port), maximumBodySize: 1 << 20,
                    allowance: .makeBoxSendingValue(1, eventLoop: loop), configuration: Peers.soon, eventLoop: loop,
                    logger: Peers.logger)
                let outcome = await connection.execute([.statsJob(BeanstalkJobID(1))], timeout: .seconds(60))
                #expect(outcome.failure?.code == (isTaken ? nil : .protocolViolation), "\(size)")
                if case .ok(let text)? = outcome.replies.first {
                    #expect(throws: BeanstalkError.self) { try JobStatistics(parsing: text) }
                }
                await connection.close(drainingFor: .zero)
            }
        }
    }

    @Test func `a record larger than is read is buried and named, and the job behind it runs`() async throws {
        var options = BeanstalkdOptions()
        options.maxJobSize = 30_000_000
        try await withLocalCluster(nodes: 1, redis: false, beanstalkdOptions: options) { cluster in
            let node = try BeanstalkNode(cluster.addresses[0])
            try await Jobs.write(ByteBuffer(repeating: UInt8(ascii: "x"), count: 20_000_000), to: node)
            try await Jobs.write("good", to: node)
            let log = LogCapture()
            let consumer = try Consumer(nodes: [node], ledger: InMemoryLedger(), logger: log.logger)
            var iterator = consumer.makeAsyncIterator()
            let job = try #require(try await iterator.next())
            #expect(job.id.description == "good")
            try await job.complete()
            while try await Jobs.statistics(of: node).currentJobsBuried < 1 { try Task.checkCancellation() }
            await consumer.close(within: .seconds(1))
            let warnings = log.entries.filter { $0.level >= .warning }
            #expect(warnings.count == 1, "the connection was kept: \(warnings)")
            #expect(warnings.first?.message.contains("larger than maximumRecordSize") == true, "\(warnings)")
            #expect(warnings.first?.metadata["dq.size"] == "20000000" && warnings.first?.metadata["dq.job"] == "1")
        }
    }
}

extension [Double] {
    fileprivate var median: Double { isEmpty ? .infinity : sorted()[count / 2] }

    fileprivate var summary: String { "\(median) median, \(self.max() ?? .infinity) most" }
}
