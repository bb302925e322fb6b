import Beanstalk
import CommandSupport
import DelayQueue
import DelayQueueTestKit
import Foundation
import Logging
import NIOPosix
import Subprocess
import TestSupport
import Testing

@testable import bench

@Suite(.serialized, .timeLimit(.minutes(4))) struct BenchTests {
    private func bench(_ arguments: String...) async throws -> JSONLine {
        let outcome = try await Tool("bench").run(arguments + ["--json", "--rounds", "1"])
        #expect(outcome.status == .exited(0), "\(outcome)")
        return try JSONLine(outcome.output)
    }

    private func numbers(_ name: String, in line: JSONLine) throws -> [Double] {
        try line.objects("results").map { try #require(($0[name] as? NSNumber)?.doubleValue, "no \(name)") }
    }

    private func strings(_ name: String, in line: JSONLine) throws -> [String] {
        try line.objects("results").map { try #require($0[name] as? String, "no \(name)") }
    }

    @Test func producingAndConsumingAreComparedWithTheirCeilingInBothModes() async throws {
        let produced = try await bench("produce", "--jobs", "100", "--callers", "4")
        let works = [
            "ceiling: bare sockets", "ceiling: 4 under way", "one batch", "4 callers", "4 callers on the loop",
            "1 caller",
            "1 caller with a ledger",
        ]
        #expect(try strings("name", in: produced) == works.flatMap { ["standby: \($0)", "together: \($0)"] })
        #expect(try numbers("jobs", in: produced) == [100, 100, 100, 100, 100, 10, 10].flatMap { [$0, $0] })
        #expect(try numbers("ratioToCeiling", in: produced).prefix(2) == [1, 1])
        #expect(try numbers("nodeCommandsPerJob", in: produced).allSatisfy { $0 >= 3 })
        let compared = try produced.objects("comparisons").compactMap { $0["name"] as? String }
        #expect(compared.prefix(works.count) == works.map { "standby: \($0)" }[...])

        let consumed = try await bench("consume", "--jobs", "100", "--concurrency", "4", "--only", "completeSoon")
        #expect(try numbers("jobs", in: consumed) == [100, 100, 100, 100, 100, 100])
        // Each copy is deleted, and taken before unless it stands by; nothing is left to the next pass.
        let commands = try numbers("nodeCommandsPerJob", in: consumed)
        #expect(commands.enumerated().allSatisfy { $1 >= ($0 % 2 == 0 ? 4 : 6) })
    }

    @Test func oneModeIsMeasuredAlone() async throws {
        let consumed = try await bench("consume", "--jobs", "100", "--only", "tasks", "--copies", "together")
        #expect(
            try strings("name", in: consumed) == [
                "together: ceiling: bare sockets", "together: stream, completeSoon, 64 tasks",
                "together: stream, complete, 64 tasks", "together: stream, complete, 64 tasks on the loop",
            ])
        #expect(try consumed.objects("comparisons").isEmpty)
    }

    @Test func fewJobsAreMeasuredInAProcessOfTheirOwn() async throws {
        let few = try await bench("consume", "--rate", "20", "--jobs", "10")
        #expect(try strings("name", in: few) == ["standby: consumer", "together: consumer"])
        let commands = try numbers("nodeCommandsPerJob", in: few)
        #expect(commands.count == 2 && commands[0] >= 4 && commands[1] >= 6)
    }

    @Test func callersAreComparedWithACeilingThatHasNoMoreJobsUnderWay() async throws {
        let produced = try await bench(
            "produce", "--jobs", "100", "--callers", "4", "--only", "4", "--copies", "standby")
        let ceiling = "standby: ceiling: 4 under way"
        #expect(
            try strings("name", in: produced) == [
                "standby: ceiling: bare sockets", ceiling, "standby: 4 callers", "standby: 4 callers on the loop",
            ])
        let compared = try produced.objects("comparisons")
        #expect(
            compared.compactMap { $0["name"] as? String } == ["standby: 4 callers", "standby: 4 callers on the loop"])
        #expect(compared.compactMap { $0["other"] as? String } == [ceiling, ceiling])

        let alone = try await bench("produce", "--jobs", "100", "--callers", "1", "--only", "under way")
        #expect(
            try strings("name", in: alone).suffix(2) == [
                "standby: ceiling: 1 under way", "together: ceiling: 1 under way",
            ])
    }

    @Test func ratiosAreTakenWithinARoundAndTheirMedianIsShown() {
        var report = BenchReport(
            title: "t", reference: .ceiling,
            comparisons: [
                BenchReport.Comparison(subject: "callers", other: "few"),
                BenchReport.Comparison(subject: "callers", other: "what was not measured"),
            ])
        // The machine is twice and four times as fast in the second round and the third.
        for (speed, callers) in [(1, 30), (2, 25), (4, 20)] {
            for (name, jobs) in [("all", 100), ("few", 50), ("callers", callers), ("other", 10)] {
                report.add(Measurement(jobs: jobs * speed, elapsed: .seconds(1)), to: name, comparedWith: "all")
            }
        }
        #expect(report.rows.map(\.ratio) == [1, 0.5, 0.25, 0.1])
        #expect(report.ratios.map(\.ratio) == [0.5])
        #expect(report.lines.last == "callers / few  0.50")
        #expect(report.bars.bars.map(\.isReference) == [true, true, false, false])
    }

    @Test func aNodeIsSentNoMoreThanTheSlowestLeavesRoomFor() {
        func room(_ underWay: Int, sent: Int, stored: [Int]) -> Int? {
            let progress = PutProgress(nodes: stored.count, hasStandbys: false, underWay: underWay)
            for (node, count) in stored.enumerated() {
                for _ in 0..<count { progress.store(1, node: node, isStandby: false) }
            }
            return progress.room(sent: sent, node: 0, isStandby: false)
        }
        #expect(room(8, sent: 0, stored: [0, 0, 0]) == 8)
        #expect(room(8, sent: 8, stored: [8, 0, 8]) == 0)
        #expect(room(8, sent: 8, stored: [8, 1, 8]) == 0, "less than a quarter is not worth a write")
        #expect(room(8, sent: 8, stored: [8, 3, 8]) == 3)
        #expect(room(1, sent: 5, stored: [5, 5, 5]) == 1)
    }

    @Test func aLeadIsSentOnceItsStandbysAreStored() {
        let progress = PutProgress(nodes: 3, hasStandbys: true, underWay: 3)
        // Of three jobs each node has one lead and two standbys.
        #expect((0..<3).map { progress.room(sent: 0, node: $0, isStandby: true) } == [2, 2, 2])
        #expect((0..<3).map { progress.room(sent: 0, node: $0, isStandby: false) } == [0, 0, 0])
        progress.store(1, node: 1, isStandby: true)
        #expect(progress.room(sent: 0, node: 0, isStandby: false) == 0)
        progress.store(1, node: 2, isStandby: true)
        #expect((0..<3).map { progress.room(sent: 0, node: $0, isStandby: false) } == [1, 0, 0])
        // Job 0 is stored everywhere, and job 3 may begin: its standbys are on nodes 1 and 2.
        progress.store(2, node: 0, isStandby: false)
        #expect((0..<3).map { progress.room(sent: 2, node: $0, isStandby: true) } == [0, 1, 1])
        #expect(progress.ids == [[2], [1], [1]])
    }

    @Test func anIdleConsumerIsMeasuredInAProcessOfItsOwn() async throws {
        let idle = try await bench("idle", "--over", "200ms")
        for name in ["cpuPercent", "nodeCommandsPerMinute", "ledgerCommandsPerMinute"] {
            #expect(try numbers(name, in: idle).allSatisfy { $0 >= 0 })
        }
        #expect(try numbers("memoryMB", in: idle).allSatisfy { $0 > 1 })
    }

    @Test func memoryIsMeasuredWithAndWithoutWaitingJobs() async throws {
        let memory = try await bench("memory", "--jobs", "300", "--due", "50")
        #expect(try numbers("peakMemoryMB", in: memory).count == 2)
        #expect(try numbers("memoryMB", in: memory).allSatisfy { $0 > 1 })
    }

    @Test func severalProcessesGetEveryJobOnce() async throws {
        let processes = try await bench("processes", "--processes", "2", "--jobs", "200")
        #expect(try numbers("jobs", in: processes) == [200, 200, 200, 200])
        #expect(try numbers("ratioToFirst", in: processes).prefix(2) == [1, 1])
    }

    @Test(arguments: [("queued", "10,100"), ("nodes", "3,2"), ("iterators", "1,4"), ("body", "0,2000")])
    func costIsComparedOverValues(_ dimension: String, _ values: String) async throws {
        try await withTemporaryFile([]) { path in
            let flat = try await bench("flat", "--vary", dimension, "--values", values, "--jobs", "50", "--plot", path)
            #expect(try numbers("produceClientMicrosecondsRatio", in: flat).prefix(2) == [1, 1])
            #expect(try numbers("consumeJobsPerSecond", in: flat).count == 4)
            let picture = try String(contentsOfFile: path, encoding: .utf8)
            #expect(picture.hasPrefix("<svg") && picture.hasSuffix("</svg>\n"))
        }
    }

    @Test func theUsersServersAreLeftEmpty() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let redis = try #require(cluster.redis)
            let servers = ["--nodes", cluster.addresses.joined(separator: ","), "--redis", redis.url]
            for arguments in [["produce"], ["memory", "--due", "20"], ["processes", "--processes", "2"]] {
                let outcome = try await Tool("bench").run(arguments + ["--jobs", "100", "--rounds", "1"] + servers)
                #expect(outcome.status == .exited(0), "\(outcome)")
            }
            for server in cluster.nodes { #expect(try await Self.jobs(on: server) == 0) }
        }
    }

    @Test func wrongUsageIsRefused() async throws {
        let wrong = [
            ["flat", "--nodes", "localhost:1", "--redis", "redis://localhost:1"], ["flat", "--values", "1"],
            ["flat", "--vary", "nodes", "--values", "1"], ["flat", "--vary", "nodes", "--values", "x"],
            ["processes", "--processes", "1"], ["memory", "--due", "0"], ["produce", "--body", "60001"],
            ["consume", "--jobs", "0"], ["consume", "--rate", "0"], ["consume", "--copies", "three"],
            ["idle", "--tube", "mine"],
        ]
        for arguments in wrong {
            let outcome = try await Tool("bench").run(arguments)
            #expect(outcome.status == .exited(64), "\(arguments): \(outcome)")
        }
    }

    @Test func aTableShowsAndDrawsWhatItHolds() {
        var table = BenchTable(
            title: "a < b",
            columns: [
                BenchTable.Column(heading: "cost", key: "cost", decimals: 1, unit: " µs", isDrawn: true),
                BenchTable.Column(heading: "ratio", key: "ratio", decimals: 2),
            ])
        table.rows = [
            BenchTable.Row(name: "one", values: [2, nil]), BenchTable.Row(name: "two", values: [4.04, 2.02]),
        ]
        table.notes = ["a note"]
        #expect(table.lines == ["a < b", "       cost  ratio", "one  2.0 µs      -", "two  4.0 µs   2.02", "a note"])
        #expect(table.object.line.contains(#"{"name":"one","cost":2.0,"ratio":null}"#))
        let picture = BarChart(groups: [table.bars].compactMap { $0 }).svg
        #expect(picture.contains("a &lt; b") && picture.contains("4.0 µs"))
    }

    /// How many jobs a node has in all tubes.
    private static func jobs(on server: BeanstalkdServer) async throws -> Int {
        let connection = BeanstalkConnection.beanstalk(
            try BeanstalkNode(server.address, tube: "default").address,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "dq.tests"))
        let statistics = try await connection.stats()
        await connection.close(drainingFor: .zero)
        return statistics.currentJobsReady + statistics.currentJobsReserved + statistics.currentJobsDelayed
            + statistics.currentJobsBuried
    }
}
