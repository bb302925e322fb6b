import Beanstalk
import DelayQueue
import DelayQueueTestKit
import HiredisClient
import Logging
import NIOCore
import NIOPosix
import Subprocess
import TestSupport
import Testing

@testable import dq

@Suite(.serialized, .timeLimit(.minutes(4))) struct StatusTests {
    @Test func showsNodesAndLedger() async throws {
        try await withLocalCluster(nodes: 2, binlog: true) { cluster in
            let tool = Tool(cluster, tube: "mail")
            for delay in ["0s", "1h"] { _ = try await tool.run("in", delay, "x") }
            let outcome = try await tool.run("status", "--json")
            #expect(outcome.status == .exited(0))
            #expect(outcome.lines.count == 1)
            let status = try JSONLine(outcome.output)
            let nodes = try status.objects("nodes")
            #expect(nodes.map { $0["node"] as? String } == cluster.addresses)
            // Of each job one node has the lead.
            for (counts, jobs) in [("ready", 1), ("delayed", 1), ("standby", 2)] {
                #expect(nodes.reduce(0) { $0 + ($1[counts] as? Int ?? 0) } == jobs, "\(counts)")
            }
            for node in nodes {
                #expect(node["up"] as? Bool == true)
                #expect((node["oldest"] as? String)?.hasSuffix("Z") ?? false == (node["ready"] as? Int == 1))
                #expect((node["next"] as? String)?.hasSuffix("Z") ?? false == (node["delayed"] as? Int == 1))
                #expect(node["reserved"] as? Int == 0)
                #expect(node["buried"] as? Int == 0)
                #expect(node["binlog"] as? Bool == true)
                #expect((node["version"] as? String)?.isEmpty == false)
            }
            let ledger = try #require(status.members["ledger"] as? [String: Any])
            #expect(ledger["up"] as? Bool == true)
            #expect((ledger["memoryUsed"] as? Int ?? 0) > 0)
            #expect(ledger["evictionPolicy"] as? String == "noeviction")

            let table = try await tool.run("status")
            #expect(table.lines.count { $0.hasPrefix("127.0.0.1:") } == 2)
            #expect(table.lines.contains { $0.hasPrefix("node") && $0.contains("standby") })
        }
    }

    @Test(arguments: [["--copies-together"], []])
    func copiesThatAreWrittenTogetherStandBehindNoOther(_ option: [String]) async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            var tool = Tool(cluster)
            if option.isEmpty { tool.environment["DQ_COPIES_TOGETHER"] = "1" }
            _ = try await tool.run(["in", "1h", "x"] + option)
            let nodes = try JSONLine(try await tool.run("status", "--json").output).objects("nodes")
            #expect(nodes.map { $0["delayed"] as? Int } == [1, 1])
            #expect(nodes.map { $0["standby"] as? Int } == [0, 0])
            tool.environment["DQ_COPIES_TOGETHER"] = "yes"
            let refused = try await tool.run("in", "1h", "x")
            #expect(refused.status == .exited(64))
            #expect(refused.errors.contains("DQ_COPIES_TOGETHER"))
        }
    }

    @Test func warnsOfWhatIsWrongWithASecondTube() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster, tube: "mail")
            _ = try await tool.run("in", "0s", "x", "--copies-together")
            let node = try BeanstalkNode(cluster.addresses[0], tube: "mail")
            let connection = BeanstalkConnection.beanstalk(
                node.address, useTube: node.standbyTube, watchTubes: [node.standbyTube],
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "status"))
            let copy = try await connection.put(
                ByteBuffer(string: "x"), priority: 5, delay: 0, timeToRun: 10, timeout: .seconds(10))
            let replies = await connection.execute(
                [.reserveJob(copy), .bury(copy, priority: 5), .pauseTube(node.standbyTube, delay: 60)],
                timeout: .seconds(10)
            ).replies
            #expect(replies.count == 3)
            await connection.close()
            let status = try JSONLine(try await tool.run("status", "--json").output)
            let warnings = try #require(status.members["warnings"] as? [String])
            for part in ["has paused tube mail.standby for", "has 1 buried jobs, 1 of them in tube mail.standby"] {
                #expect(warnings.contains { $0.contains(part) }, "\(part): \(warnings)")
            }
        }
    }

    @Test func namesAJobThatIsTooLargeToBeLookedAt() async throws {
        var options = BeanstalkdOptions()
        options.maxJobSize = 30_000_000
        try await withLocalCluster(nodes: 2, beanstalkdOptions: options) { cluster in
            let tool = Tool(cluster, tube: "mail")
            let node = try BeanstalkNode(cluster.addresses[0], tube: "mail")
            let connection = BeanstalkConnection.beanstalk(
                node.address, useTube: node.tube, eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: Logger(label: "status"))
            let job = try await connection.put(
                ByteBuffer(repeating: 0x78, count: 20_000_000), priority: 0, delay: 0, timeToRun: 10,
                timeout: .seconds(60))
            await connection.close()
            let status = try JSONLine(try await tool.run("status", "--json").output)
            #expect(try status.objects("nodes").map { $0["up"] as? Bool } == [true, true])
            let warnings = try #require(status.members["warnings"] as? [String])
            let part = "node \(cluster.addresses[0]), tube mail, job \(job): its body of 20000000 bytes"
            #expect(warnings.contains { $0.contains(part) }, "\(warnings)")

            // A consumer puts it aside; one that reads as much finds it.
            _ = try await tool.run("in", "0s", "behind it")
            let consumed = try await tool.run("consume", "--until-empty", "--json")
            #expect(try consumed.objects().map { try $0.text("body") } == ["behind it"])
            #expect(consumed.errors.contains("dq.job=\(job)") && consumed.errors.contains("maximumRecordSize"))
            let after = try JSONLine(try await tool.run("status", "--json").output)
            #expect((after.members["warnings"] as? [String])?.contains { $0.contains("has 1 buried jobs") } == true)
            let refused = try await tool.run("consume", "--max-record", "20M", "--max-held", "10M")
            #expect(!refused.status.isSuccess && refused.errors.contains("maximumHeldBytes"), "\(refused.errors)")
            let misread = try await tool.run("consume", "--max-record", "20MB")
            #expect(misread.status == .exited(64) && misread.errors.contains("--max-record"), "\(misread.errors)")
        }
    }

    @Test func warnsOfNodesThatTakeRecordsOfDifferentSizes() async throws {
        var options = BeanstalkdOptions()
        options.maxJobSize = 1000
        try await withLocalCluster(nodes: 2) { usual in
            try await withLocalCluster(nodes: 1, redis: false, beanstalkdOptions: options) { small in
                var tool = Tool(usual)
                let part = "node \(small.addresses[0]) takes records of up to 1000 bytes and node"
                for (addresses, isTold) in [(usual.addresses + small.addresses, true), (usual.addresses, false)] {
                    tool.environment["DQ_NODES"] = addresses.joined(separator: ",")
                    let status = try JSONLine(try await tool.run("status", "--json").output)
                    let warnings = try #require(status.members["warnings"] as? [String])
                    #expect(warnings.contains { $0.contains(part) } == isTold, "\(warnings)")
                }
            }
        }
    }

    @Test func aTubeThatIsEmptyIsNothingToWarnOf() async throws {
        var redis = RedisOptions()
        redis.appendOnly = true
        try await withLocalCluster(nodes: 2, binlog: true, redisOptions: redis) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "1h", "x", "--tube", "other")
            let status = try JSONLine(try await tool.run("status", "--json", "--tube", "mail").output)
            let warnings = try #require(status.members["warnings"] as? [String])
            #expect(warnings.count == 1 && warnings[0].hasPrefix("the queue has no consumers"), "\(warnings)")
            #expect(try status.objects("nodes").map { $0["delayed"] as? Int } == [0, 0])
        }
    }

    @Test func warnsOfWhatIsWrong() async throws {
        var options = RedisOptions()
        options.maxMemory = 100 << 20
        options.maxMemoryPolicy = "allkeys-lru"
        try await withLocalCluster(nodes: 2, redisOptions: options) { cluster in
            let tool = Tool(cluster, tube: "mail")
            _ = try await tool.run("in", "1h", "x", "--tube", "other")
            await cluster.nodes[1].kill()
            let outcome = try await tool.run("status", "--json")
            #expect(outcome.status == .exited(0))
            let status = try JSONLine(outcome.output)
            #expect(try status.objects("nodes").map { $0["up"] as? Bool } == [true, false])
            let warnings = try #require(status.members["warnings"] as? [String])
            for part in ["is down", "no binlog", "allkeys-lru", "1 of 2 nodes"] {
                #expect(warnings.contains { $0.contains(part) }, "\(part): \(warnings)")
            }
        }
    }

    @Test func warnsOfALedgerThatAnswersAndDoesNotServe() async throws {
        var options = RedisOptions()
        options.maxMemory = 1
        try await withLocalCluster(nodes: 2, redisOptions: options) { cluster in
            let outcome = try await Tool(cluster).run("status", "--json")
            let status = try JSONLine(outcome.output)
            let ledger = try #require(status.members["ledger"] as? [String: Any])
            #expect(ledger["serves"] as? Bool == false)
            let warnings = try #require(status.members["warnings"] as? [String])
            #expect(warnings.contains { $0.contains("does not serve") && $0.contains("OOM") }, "\(warnings)")
        }
    }

    @Test func nothingIsReachable() async throws {
        var tool = Tool()
        tool.environment["DQ_NODES"] = "127.0.0.1:1,127.0.0.1:2"
        tool.environment["DQ_REDIS"] = "redis://:secret@127.0.0.1:1"
        let outcome = try await tool.run("status", "--json")
        #expect(outcome.status == .exited(0))
        #expect(!outcome.output.contains("secret"))
        let ledger = try #require(try JSONLine(outcome.output).members["ledger"] as? [String: Any])
        #expect(ledger["up"] as? Bool == false)
    }

    @Test func watchesUntilInterrupted() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let (_, status) = try await Tool(cluster).start(["status", "--watch", "--json", "--interval", "0.1"]) {
                running in
                for _ in 0..<3 { _ = try JSONLine(try #require(try await running.nextLine())) }
                try running.signal(.interrupt)
                try await running.untilOutputEnds()
            }
            #expect(status == .exited(130))
        }
    }

    @Test func readsWhatServersSayOfThemselves() {
        let information = { (text: String) in RedisInformation(ByteBuffer(string: text)) }
        let answer = LedgerStatus.Answer(
            information(
                "# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.0.1\r\n\r\nused_memory:1024\r\nmaxmemory:0\r\n"
                    + "maxmemory_policy:noeviction\r\naof_enabled:1\r\nrole:master\r\nodd\r\n"))
        #expect(
            answer
                == LedgerStatus.Answer(
                    version: "valkey 8.0.1", memoryUsed: 1024, memoryLimit: 0, evictionPolicy: "noeviction",
                    isAppendOnly: true, role: "master"))
        #expect(LedgerStatus.Answer(information("")).evictionPolicy == nil)
        let absurd = LedgerStatus.Answer(
            information("used_memory:9223372036854775807\r\nmaxmemory:2000000000000000000\r\n"))
        #expect(absurd.memoryUsed == nil && absurd.memoryLimit == nil)
        let status = ClusterStatus(
            time: .now(), tube: "t", nodes: [], ledger: LedgerStatus(url: "u", answer: absurd), deadProblem: nil)
        #expect(!status.json.isEmpty && !status.table.isEmpty)
    }
}
