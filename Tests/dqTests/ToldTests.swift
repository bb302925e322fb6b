import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import Logging
import NIOPosix
import Subprocess
import TestSupport
import Testing

/// Whatever was accepted is told, or taken back.
@Suite(.serialized, .timeLimit(.minutes(20))) struct ToldTests {
    @Test func `an interruption at any moment leaves a told receipt or no job`() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            let clock = ContinuousClock()
            let whole = try await clock.measure { _ = try await tool.run("in", "1h", "x", "--id", "whole") }
            var told: Set<String> = ["whole"]
            var interrupted = 0
            for round in 0..<60 {
                // From before the call starts to after it ended.
                let moment = whole * Double.random(in: 0...1.1)
                let arguments = round.isMultiple(of: 3) ? ["at", "2090-01-01T00:00:00Z", "x"] : ["in", "1h", "x"]
                let (line, status) = try await tool.start(arguments) { running in
                    try await Task.sleep(for: moment)
                    // Where it has ended there is nobody to be told.
                    try? running.signal(round.isMultiple(of: 2) ? .interrupt : .terminate)
                    return try await running.nextLine()
                }
                if let line {
                    told.insert(try Receipt(parsing: line.trimmingCharacters(in: .newlines)).jobID.description)
                }
                if status != .exited(0) { interrupted += 1 }
                #expect(line != nil || status != .exited(0))
            }
            #expect(try await cluster.jobs() == told)
            #expect(try await cluster.copies().filter { told.contains($0.key) }.values.allSatisfy { $0 >= 2 })
            #expect(interrupted > 0)
        }
    }

    /// So many in all; `DQ_INTERRUPTIONS` may say another number.
    private static let interruptions = ProcessInfo.processInfo.environment["DQ_INTERRUPTIONS"].flatMap { Int($0) } ?? 50

    /// Commands of all kinds, half of them with a standard output that takes nothing.
    @Test func `whatever is interrupted, every job on the nodes was told, and runs`()
        async throws
    {
        try await withLocalCluster(nodes: 3) { cluster in
            let lines = (0..<300).map { _ in #"{"in":"1h","body":"x"}"# }.joined(separator: "\n")
            try await withTemporaryFile(Array(lines.utf8)) { file in
                var told: Set<String> = []
                var counted = 0
                var (due, printed): (Set<String>, Set<String>) = ([], [])
                var cutShort = 0
                for round in 0..<Self.interruptions {
                    let command = Interrupted.allCases[round % Interrupted.allCases.count]
                    var tool = Tool(cluster, tube: command.rawValue)
                    if command == .consume {
                        let jobs = (0..<50).map { _ in #"{"in":"0s","body":"x"}"# + "\n" }.joined()
                        due.formUnion(
                            try await tool.run(["load", "-", "--json"], input: Array(jobs.utf8)).objects().map {
                                try $0.text("id")
                            })
                    }
                    // From before the process has begun to after most of them have ended.
                    let moment = Double.random(in: 0...command.longestMoment)
                    let output = ["", ">/dev/full", "", ">&-"][round / Interrupted.allCases.count % 4]
                    // A shell's background commands begin with SIGINT ignored, and one that comes that early would be lost.
                    let signal = ["TERM", "HUP"].randomElement() ?? "TERM"
                    tool.script = #""$@" \#(output) & job=$!; sleep \#(moment); kill -s \#(signal) $job; wait $job"#
                    let outcome = try await tool.run(command.arguments(file: file))
                    if outcome.status != .exited(0) { cutShort += 1 }
                    switch command {
                    case .at, .in, .receipts: told.formUnion(try Self.receipts(in: outcome))
                    case .load: counted += Counts(outcome.output + outcome.errors)?.scheduled ?? 0
                    case .consume: printed.formUnion(try outcome.objects().map { try $0.text("id") })
                    }
                }
                let jobs = try await cluster.jobsByTube()
                let receipts = [Interrupted.at, .in, .receipts].reduce(into: Set<String>()) {
                    $0.formUnion(jobs[$1.rawValue] ?? [])
                }
                let countable = jobs[Interrupted.load.rawValue]?.count ?? 0
                print(
                    "\(Self.interruptions) interruptions, \(cutShort) of which cut a command short: \(receipts.count) jobs lie "
                        + "on the nodes, \(told.count) were told; \(countable) that were counted, "
                        + "\(counted) were told; \(printed.count) of \(due.count) printed")
                #expect(receipts == told)
                #expect(countable == counted)
                #expect(cutShort > 0)
                // What was not printed then is printed now, and nothing else.
                let rest = try await Tool(cluster, tube: Interrupted.consume.rawValue).run(
                    "consume", "--json", "--until-empty")
                printed.formUnion(try rest.objects().map { try $0.text("id") })
                #expect(printed == due)
            }
        }
    }

    /// Its name is that of the tube its jobs are in.
    private enum Interrupted: String, CaseIterable {
        case `in`, at, load, receipts, consume

        func arguments(file: String) -> [String] {
            switch self {
            case .in: ["in", "1h", "x"]
            case .at: ["at", "2090-01-01T00:00:00Z", "x"]
            case .load: ["load", file]
            case .receipts: ["load", file, "--json"]
            case .consume: ["consume", "--json"]
            }
        }

        var longestMoment: Double {
            switch self {
            case .in, .at: 0.15
            case .load, .receipts: 0.3
            case .consume: 1
            }
        }
    }

    /// The jobs of which a receipt was printed, to whatever stream.
    private static func receipts(in outcome: Tool.Outcome) throws -> [String] {
        try (outcome.output + "\n" + outcome.errors).matches(of: /dqr1,[!-~]+/).map {
            try Receipt(parsing: String($0.output.prefix { $0 != "\"" })).jobID.description
        }
    }

    @Test(arguments: [true, false])
    func `a job whose receipt cannot be printed is taken back`(hasLedger: Bool) async throws {
        try await withLocalCluster(nodes: 3, redis: hasLedger) { cluster in
            var tool = Tool(cluster)
            var told: Set<String> = []
            var takenBack = 0
            // A full disk, a reader that has gone, and a closed stream, whose number a connection must not get.
            for script in [
                #""$@" >/dev/full"#, #"{ "$@"; echo "status $?" >&2; } | true; exit 1"#, #""$@" >&-"#,
            ] {
                tool.script = script
                for arguments in [["in", "1h", "x"], ["at", "2090-01-01T00:00:00Z", "x", "--json"]] {
                    let outcome = try await tool.run(arguments)
                    #expect(outcome.status == .exited(1))
                    #expect(!outcome.errors.contains("status 0"))
                    if outcome.errors.contains("the job was taken back") {
                        takenBack += 1
                    } else {
                        // Without a ledger a put whose outcome is unknown leaves it open.
                        #expect(!hasLedger, "\(outcome)")
                        let receipt = outcome.errors.split(separator: "\n").first { $0.hasPrefix("dqr1") }
                        told.insert(try Receipt(parsing: String(try #require(receipt))).jobID.description)
                    }
                }
            }
            #expect(takenBack > 0)
            #expect(try await cluster.jobs().isSubset(of: told))
        }
    }

    @Test func `what cannot be taken back is told on standard error`() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            var tool = Tool(cluster)
            tool.script = #""$@" >/dev/full"#
            // Its id can come again, and must not be refused then.
            let own = try await tool.run("in", "1h", "x", "--id", "bill")
            #expect(own.status == .exited(1))
            let line = try #require(own.errors.split(separator: "\n").first { $0.hasPrefix("dqr1") })
            #expect(try Receipt(parsing: String(line)).jobID.description == "bill")
            tool.script = nil
            let again = try await tool.run("in", "1h", "x", "--id", "bill", "--json")
            #expect(try JSONLine(again.output).members["scheduledBefore"] as? Bool == true)
            tool.script = #""$@" >/dev/full"#
            #expect(try await tool.run("in", "1h", "x", "--id", "bill").status == .exited(1))
            #expect(try await cluster.jobs() == ["bill"])
        }
    }

    /// Nobody reads, and the pipe is full: an interruption ends the wait.
    @Test func `a reader that does not read keeps no job`() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            var tool = Tool(cluster)
            tool.script = #"""
                pipe=$(mktemp -u) && mkfifo "$pipe" && exec 3<>"$pipe" && rm "$pipe"
                timeout 0.5 head -c 1000000 /dev/zero >&3
                "$@" >&3 & job=$!
                sleep 2; kill -TERM $job; wait $job
                """#
            let outcome = try await tool.run("in", "1h", "x")
            #expect(outcome.status == .exited(143), "\(outcome)")
            #expect(try await cluster.jobs() == [])
        }
    }

    @Test(arguments: [true, false])
    func `a reader of receipts that goes is told what was done`(hasLedger: Bool) async throws {
        try await withLocalCluster(nodes: 3, redis: hasLedger) { cluster in
            var tool = Tool(cluster)
            tool.script = #"{ "$@"; echo "status $?" >&2; } | head -2"#
            let line = #"{"in":"1h","body":"x"}"# + "\n"
            let loaded = try await tool.run(
                ["load", "-", "--json"], input: Array(String(repeating: line, count: 3000).utf8))
            #expect(loaded.errors.contains("status 1"), "\(loaded)")
            let told = try loaded.objects().map { try $0.text("id") }
            let counts = try #require(Counts(loaded.errors))
            let jobs = try await cluster.jobs()
            // Receipts that the pipe took, and its reader did not, count as told.
            #expect(told.count == 2 && jobs.isSuperset(of: told) && counts.takenBack > 0)
            // Without a ledger a job may be gone of which a copy's outcome was not known.
            #expect(hasLedger ? jobs.count == counts.scheduled : jobs.count <= counts.scheduled, "\(counts)")
        }
    }

    @Test func `a summary that cannot be printed is on standard error`() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            var tool = Tool(cluster)
            let line = #"{"in":"1h","body":"x"}"# + "\n"
            for script in [#""$@" >/dev/full"#, #"{ "$@"; echo "status $?" >&2; } | true; exit 1"#] {
                tool.script = script
                let loaded = try await tool.run(["load", "-"], input: Array(String(repeating: line, count: 500).utf8))
                #expect(loaded.status == .exited(1) && !loaded.errors.contains("status 0"))
                #expect(loaded.errors.contains("500 scheduled, 0 refused in"), "\(loaded)")
            }
            #expect(try await cluster.jobs().count == 1000)
        }
    }

    /// As they may be loaded again.
    @Test func `jobs with ids are left where their receipts cannot be written`() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            var tool = Tool(cluster)
            let lines = (0..<300).map { #"{"in":"1h","body":"\#($0)","id":"job-\#($0)"}"# + "\n" }
            tool.script = #""$@" >/dev/full"#
            let failed = try await tool.run(["load", "-", "--json"], input: Array(lines.joined().utf8))
            #expect(failed.status == .exited(1))
            let left = try #require(Counts(failed.errors)).scheduled
            let receipts = failed.errors.split(separator: "\n").compactMap { $0.split(separator: ": scheduled: ").last }
                .filter { $0.hasPrefix("dqr1") }
            #expect(left > 0 && receipts.count == left)
            tool.script = nil
            let again = try await tool.run(["load", "-"], input: Array(lines.joined().utf8))
            #expect(again.output.hasPrefix("\(300 - left) scheduled, 0 refused, \(left) scheduled before in "))
        }
    }

    @Test func `an interrupted load has told what it accepted`() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            let line = #"{"in":"1h","body":"x"}"# + "\n"
            var told: Set<String> = []
            for round in 0..<8 {
                let (ids, status) = try await tool.start(["load", "-", "--json"]) { running in
                    try await running.write(String(repeating: line, count: 2000))
                    var ids: [String] = []
                    let last = Int.random(in: 1...900)
                    while let line = try await running.nextLine() {
                        ids.append(try JSONLine(line).text("id"))
                        if ids.count == last { try running.signal(round.isMultiple(of: 2) ? .interrupt : .terminate) }
                    }
                    return ids
                }
                #expect(status == .exited(round.isMultiple(of: 2) ? 130 : 143))
                told.formUnion(ids)
            }
            #expect(try await cluster.jobs() == told)
        }
    }

    private struct Counts {
        var scheduled = 0
        var takenBack = 0

        /// - Parameter text: with a summary in it.
        init?(_ text: String) {
            guard let match = text.firstMatch(of: /(\d+) scheduled, \d+ refused(?:, (\d+) taken back)?/) else {
                return nil
            }
            scheduled = Int(match.1) ?? 0
            takenBack = match.2.flatMap { Int($0) } ?? 0
        }
    }
}

extension LocalCluster {
    /// How many copies of each job lie on the nodes.
    fileprivate func copies() async throws -> [String: Int] {
        try await copiesByTube().values.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
    }

    /// The same, by the queue's tube.
    fileprivate func copiesByTube() async throws -> [String: [String: Int]] {
        var copies: [String: [String: Int]] = [:]
        for address in addresses {
            let connection = BeanstalkConnection.beanstalk(
                try BeanstalkNode(address).address, configuration: .init(),
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
            let numbers = 0..<UInt64(try await connection.stats().totalJobs)
            for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 256) {
                let ids = (start..<min(start + 256, numbers.upperBound)).map { BeanstalkJobID($0 + 1) }
                let commands = ids.flatMap { [BeanstalkCommand.peek($0), .statsJob($0)] }
                let replies = await connection.execute(commands, timeout: .seconds(60)).replies
                try #require(replies.count == commands.count)
                for index in stride(from: 0, to: replies.count, by: 2) {
                    guard case .found(_, let body) = replies[index], case .ok(let text) = replies[index + 1] else {
                        continue
                    }
                    let tube = try JobStatistics(parsing: text).tube.rawValue.replacing(/\.standby$/, with: "")
                    copies[tube, default: [:]][JobRecord(parsing: body).id?.description ?? "", default: 0] += 1
                }
            }
            await connection.close()
        }
        return copies
    }

    /// The jobs of which copies lie on the nodes, but for those that the ledger knows to be revoked: of one that was, the
    /// copy that was under way as its receipt came stays.
    fileprivate func jobs() async throws -> Set<String> {
        try await jobsByTube().values.reduce(into: []) { $0.formUnion($1) }
    }

    /// The same, by the queue's tube.
    fileprivate func jobsByTube() async throws -> [String: Set<String>] {
        let copies = try await copiesByTube().mapValues { Set($0.keys) }
        guard let redis else { return copies }
        let ledger = try RedisLedger(redis.url)
        var live: [String: Set<String>] = [:]
        for (tube, jobs) in copies {
            let producer = try Producer(nodes: try addresses.map { try BeanstalkNode($0, tube: tube) }, ledger: ledger)
            for job in jobs where try await producer.status(of: try JobID(job)).state != .revoked {
                live[tube, default: []].insert(job)
            }
            await producer.close()
        }
        await ledger.close()
        return live
    }
}
