import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import Logging
import NIOCore
import NIOPosix
import Subprocess
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4))) struct ExecTests {
    @Test func theCommandGetsTheJob() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            let bytes: [UInt8] = [0, 255, 10, 13, 10]
            let scheduled = try await tool.run(["in", "0s", "-", "--id", "j1", "--json"], input: bytes)
            let date = try JSONLine(scheduled.output).text("fireDate")
            let outcome = try await tool.run(
                "consume", "--until-empty", "--exec", #"echo "$DQ_JOB_ID $DQ_ATTEMPT $DQ_FIRE_DATE"; od -An -tu1"#)
            #expect(outcome.status == .exited(0))
            #expect(outcome.lines.first == "j1 1 \(date)")
            #expect(outcome.lines.last?.split(separator: " ").map(String.init) == bytes.map(String.init))
        }
    }

    @Test func theCommandGetsASafeNameAndNoSecret() async throws {
        var options = RedisOptions()
        options.password = "hunter2"
        try await withLocalCluster(nodes: 2, redisOptions: options) { cluster in
            var tool = Tool(cluster)
            tool.environment["DQ_TUBE"] = "other"
            _ = try await tool.run("in", "0s", "x", "--tube", "mail", "--id", "../x")
            let outcome = try await tool.run(
                "consume", "--tube", "mail", "--max", "1", "--exec", "env | grep ^DQ_ | sort")
            #expect(outcome.lines.contains("DQ_JOB_ID=../x"))
            // From `printf ../x | sha256sum`.
            #expect(
                outcome.lines.contains("DQ_JOB_KEY=d6b96a97d147daaae49eb87a5ca7bfbc280e79551016df8aa5edc5920d21c274"),
                "\(outcome.output)")
            #expect(outcome.lines.contains("DQ_TUBE=mail"))
            #expect(outcome.lines.contains("DQ_NODES=\(cluster.addresses.joined(separator: ","))"))
            #expect(!outcome.output.contains("DQ_REDIS") && !outcome.output.contains("hunter2"))
        }
    }

    /// Put by hand, with no thought of how long it takes.
    @Test func aStrangersJobWithASecondToRunKeepsItsCommand() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            let connection = BeanstalkConnection.beanstalk(
                try BeanstalkNode(cluster.addresses[0]).address, configuration: .init(),
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
            _ = try await connection.put(
                ByteBuffer(string: "x"), priority: 0, delay: 0, timeToRun: 1, timeout: .seconds(10))
            let outcome = try await tool.run(
                "consume", "--max", "1", "--concurrency", "4", "--foreign-jobs", "deliver", "--json", "--exec",
                "sleep 4"
            )
            let statistics = try await connection.stats()
            await connection.close()
            #expect(outcome.status == .exited(0), "\(outcome)")
            #expect(try outcome.objects().map { try $0.number("exitStatus") } == [0])
            let touches = try #require(statistics.commandCount("touch"))
            #expect(touches >= 4 && touches < 40, "\(touches)")
            #expect(statistics.currentJobsReady + statistics.currentJobsReserved == 0)
        }
    }

    @Test func withJSONOnlyObjectsAreOnStandardOutput() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            let outcome = try await tool.run("consume", "--until-empty", "--json", "--exec", "echo chatter")
            #expect(outcome.errors.contains("chatter"))
            let job = try #require(try outcome.objects().first)
            #expect(try job.number("exitStatus") == 0)
        }
    }

    @Test(arguments: [
        ("test $DQ_ATTEMPT = 2 || exit 3", "exitStatus", 3), ("test $DQ_ATTEMPT = 2 || kill -9 $$", "signal", 9),
    ])
    func aFailedCommandIsRetried(_ command: String, _ member: String, _ value: Double) async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            let outcome = try await tool.run("consume", "--until-empty", "--json", "--exec", command)
            #expect(outcome.status == .exited(0))
            let runs = try outcome.objects()
            #expect(try runs.map { try $0.number("attempt") } == [1, 2])
            #expect(try runs.first?.number(member) == value)
            #expect(try runs.last?.number("exitStatus") == 0)
            #expect(outcome.errors.contains("attempt 1"))
        }
    }

    /// More than a pipe holds, so that writing it all would wait for a reader.
    @Test(arguments: ["exit 0", "exec <&-; sleep 0.2", "sleep 0.2", "head -c 10 >/dev/null; sleep 0.2"])
    func aCommandNeedNotReadItsInput(_ command: String) async throws {
        var options = BeanstalkdOptions()
        options.maxJobSize = 4 << 20
        try await withLocalCluster(nodes: 2, beanstalkdOptions: options) { cluster in
            var tool = Tool(cluster)
            let body = [UInt8](repeating: UInt8(ascii: "x"), count: 2 << 20)
            tool.environment["DQ_MAX_RECORD"] = "4000000"
            let scheduled = try await tool.run(["in", "0s", "-"], input: body)
            try #require(scheduled.status == .exited(0))
            let outcome = try await tool.run("consume", "--max", "1", "--exec", command)
            #expect(outcome.status == .exited(0))
            #expect(try await tool.run("consume", "--json", "--until-empty").lines.isEmpty)
            _ = try await tool.run(["in", "0s", "-"], input: body)
            let read = try await tool.run("consume", "--max", "1", "--exec", "wc -c")
            #expect(read.output.filter(\.isNumber) == "\(body.count)")
        }
    }

    @Test func theCommandHasDefaultSignalsAndNoOtherDescriptors() async throws {
        guard FileManager.default.fileExists(atPath: "/proc/self/fd") else { return }
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            let outcome = try await tool.run(
                "consume", "--max", "1", "--exec", "ls /proc/self/fd; grep -E 'Sig(Blk|Ign):' /proc/self/status")
            // ls itself has the folder open while it lists it.
            #expect(outcome.lines.compactMap { Int($0) } == [0, 1, 2, 3], "\(outcome.output)")
            let masks = outcome.lines.filter { $0.hasPrefix("Sig") }.compactMap {
                $0.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
            }
            #expect(masks.count == 2)
            // glibc has posix_spawn ignore two signals of its own, 32 and 33.
            #expect(masks.allSatisfy { $0 & ~0x1_8000_0000 == 0 }, "\(outcome.output)")
        }
    }

    /// The command and what it started are ended although they do not want to; the job goes back, without a failure.
    @Test func anInterruptionEndsTheCommandAndGivesTheJobBack() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            let command = "trap '' TERM; sleep 1000 & echo $! $$; wait; sleep 1000"
            let (processes, status) = try await tool.start(["consume", "--exec", command]) { running in
                let line = try #require(try await running.nextLine())
                // The second one does not wait for the grace.
                try running.signal(.interrupt)
                try running.signal(.terminate)
                try await running.untilOutputEnds()
                return line.split(separator: " ").compactMap { Int32($0) }
            }
            #expect([.exited(130), .exited(143)].contains(status))
            #expect(processes.count == 2)
            // Nobody is told of the end of a process that is not its child.
            for process in processes {
                while Self.isRunning(process) { try await Task.sleep(for: .milliseconds(10)) }
            }
            let job = try #require(try await tool.run("consume", "--json", "--max", "1").objects().first)
            #expect(try job.number("attempt") == 2)
        }
    }

    /// Else the next attempt would run beside it.
    @Test func aCommandEndsWithTheConsumerThatWasKilled() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            for _ in 0..<2 { _ = try await tool.run("in", "0s", "x") }
            _ = try await tool.run("in", "0s", "quick", "--priority", "high")
            let command = """
                read -r body; [ "$body" = quick ] && exit 0
                trap '' TERM; sleep 1000 & echo $! $$; wait; sleep 1000
                """
            let (processes, status) = try await tool.start(["consume", "--exec", command]) { running in
                var processes: [Int32] = []
                for _ in 0..<2 {
                    let line = try #require(try await running.nextLine())
                    processes += line.split(separator: " ").compactMap { Int32($0) }
                }
                try running.signal(.kill)
                return processes
            }
            #expect(status == .signaled(9))
            #expect(processes.count == 4)
            // Nobody is told of the end of a process that is not its child.
            for process in processes {
                while Self.isRunning(process) { try await Task.sleep(for: .milliseconds(10)) }
            }
        }
    }

    @Test func anInterruptionLetsTheCommandEnd() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            let (_, status) = try await tool.start(["consume", "--exec", "echo started; sleep 1; echo done"]) {
                running in
                #expect(try await running.nextLine() == "started")
                try running.signal(.interrupt)
                #expect(try await running.nextLine() == "done")
                try await running.untilOutputEnds()
            }
            #expect(status == .exited(0))
            #expect(try await tool.run("consume", "--json", "--until-empty").lines.isEmpty)
        }
    }

    @Test func aLostLeaseEndsTheCommand() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            let redis = try #require(cluster.redis)
            _ = try await tool.run("in", "0s", "x")
            let command = "trap 'echo ended; exit 1' TERM; echo started; sleep 1000 & wait"
            let (_, status) = try await tool.start(["consume", "--lease", "1", "--exec", command]) { running in
                #expect(try await running.nextLine() == "started")
                try await redis.suspend()
                // Nobody can renew the lease now; its end is known without the ledger.
                #expect(try await running.nextLine() == "ended")
                try await redis.resume()
                try running.signal(.interrupt)
                try await running.untilOutputEnds()
            }
            #expect(status == .exited(0))
            let job = try #require(try await tool.run("consume", "--json", "--max", "1").objects().first)
            #expect(try job.number("attempt") >= 2)
        }
    }

    /// What the short lease is for: another consumer takes over soon.
    @Test func aKilledConsumersJobRunsElsewhere() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            let (_, status) = try await tool.start(
                ["consume", "--lease", "1", "--exec", "echo started $$; sleep 1000"]
            ) { running in
                let line = try #require(try await running.nextLine())
                try running.signal(.kill)
                // Nothing is left to end the command now.
                if let process = line.split(separator: " ").last.flatMap({ Int32($0) }) { kill(-process, SIGKILL) }
                try await running.untilOutputEnds()
            }
            #expect(status == .signaled(SIGKILL))
            let job = try #require(try await tool.run("consume", "--json", "--max", "1").objects().first)
            #expect(try job.number("attempt") == 2)
        }
    }

    /// Whether a process exists and has not ended; what has ended may wait for its parent for a while.
    private static func isRunning(_ process: Int32) -> Bool {
        guard kill(process, 0) == 0 else { return false }
        guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else { return true }
        return !status.contains("State:\tZ")
    }
}
