#if os(Linux)
    import DelayQueue
    import DelayQueueTestKit
    import Foundation
    import NIOConcurrencyHelpers
    import Subprocess
    import TestSupport
    import Testing

    /// Processes whose wall clock is not that of the others, of the nodes and of the ledger.
    @Suite(.serialized, .timeLimit(.minutes(4))) struct ClockTests {
        private static let jobs = 30
        private static let hour: Int64 = 3_600

        /// Tells when it really ran, a line a job.
        private static let command = #"echo "ran $DQ_JOB_ID $(env -u LD_PRELOAD date +%s%N)""#
        private static let consume = ["consume", "--until-empty", "--concurrency", "4", "--exec", command]

        /// Jobs due from in a few seconds on, one each tenth of a second.
        ///
        /// - Returns: their dates.
        private func schedule(_ cluster: LocalCluster) async throws -> [JobID: Date] {
            let redis = try #require(cluster.redis)
            let ledger = try RedisLedger(redis.url)
            let producer = try Producer(nodes: try cluster.addresses.map { try BeanstalkNode($0) }, ledger: ledger)
            let start = Date().addingTimeInterval(5)
            var dates: [JobID: Date] = [:]
            for number in 0..<Self.jobs {
                let date = start.addingTimeInterval(Double(number) / 10)
                dates[try await producer.at(date, "job \(number)").jobID] = date
            }
            await producer.close()
            await ledger.close()
            return dates
        }

        /// Each job ran once, about when it was to.
        private func check(_ lines: [String], _ dates: [JobID: Date], on cluster: LocalCluster) async throws {
            var left = dates
            var latest = 0.0
            for line in lines {
                let words = line.split(separator: " ")
                guard words.count == 3, words[0] == "ran", let nanoseconds = Double(words[2]) else { continue }
                let id = try JobID(String(words[1]))
                let known = left.removeValue(forKey: id)
                let date = try #require(known, "\(id) ran twice")
                let lateness = nanoseconds / 1e9 - date.timeIntervalSince1970
                latest = max(latest, lateness)
                #expect(lateness > -0.1, "\(id) ran early")
            }
            #expect(left.isEmpty, "did not run")
            // A process is started for each, on a machine that may have much else to do.
            #expect(latest < 2)
            let status = try JSONLine(try await Tool(cluster).run("status", "--json").output)
            for node in try status.objects("nodes") { #expect(node["buried"] as? Int == 0) }
        }

        @Test(arguments: [-60, -hour, hour, 8 * 86_400] as [Int64])
        func aConsumerWhoseClockIsWrongRunsEachJobOnTime(_ seconds: Int64) async throws {
            try await withLocalCluster(nodes: 3) { cluster in
                try await ShiftedClock.with(seconds: seconds) { clock in
                    let dates = try await schedule(cluster)
                    let right = Tool(cluster)
                    let wrong = clock.showing(to: right)
                    async let others = right.run(Self.consume)
                    let outcome = try await wrong.run(Self.consume)
                    let other = try await others
                    #expect(outcome.status == .exited(0) && other.status == .exited(0))
                    try await check(outcome.lines + other.lines, dates, on: cluster)
                    #expect(outcome.errors.contains("this machine's clock and the ledger's differ"))
                    #expect(!other.errors.contains("clock"))
                }
            }
        }

        @Test func clocksThatAreSetBackForAWhileMakeNothingLate() async throws {
            try await withLocalCluster(nodes: 3) { cluster in
                try await ShiftedClock.with(seconds: 0) { clock in
                    let dates = try await schedule(cluster)
                    let tool = clock.showing(to: Tool(cluster))
                    let ran = NIOLockedValueBox<[String]>([])
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<2 {
                            group.addTask {
                                _ = try await tool.start(Self.consume) { running in
                                    while let line = try await running.nextLine() {
                                        let count = ran.withLockedValue { ran in
                                            ran.append(line)
                                            return ran.count
                                        }
                                        if count == 5 { try clock.set(-Self.hour) }
                                        if count == 20 { try clock.set(0) }
                                    }
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                    try await check(ran.withLockedValue { $0 }, dates, on: cluster)
                }
            }
        }

        @Test(arguments: [-60, hour] as [Int64])
        func aProducerWhoseClockIsWrongWritesJobsForTheRightTime(_ seconds: Int64) async throws {
            try await withLocalCluster(nodes: 3) { cluster in
                try await ShiftedClock.with(seconds: seconds) { clock in
                    let tool = Tool(cluster)
                    let begin = ContinuousClock.now
                    _ = try await clock.showing(to: tool).run("in", "2s", "x")
                    let outcome = try await tool.run(Self.consume)
                    #expect(outcome.lines.count == 1)
                    let took = ContinuousClock.now - begin
                    #expect(took >= .seconds(2) && took < .seconds(10))
                }
            }
        }

        @Test func statusTellsHowTheClocksDiffer() async throws {
            try await withLocalCluster(nodes: 2) { cluster in
                try await ShiftedClock.with(seconds: -60) { clock in
                    let tool = Tool(cluster)
                    func skew(_ outcome: Tool.Outcome) throws -> Int {
                        let ledger = try #require(try JSONLine(outcome.output).members["ledger"] as? [String: Any])
                        return try #require(ledger["clockSkewMs"] as? Int)
                    }
                    #expect(abs(try skew(try await tool.run("status", "--json"))) < 1_000)
                    #expect(abs(try skew(try await clock.showing(to: tool).run("status", "--json")) + 60_000) < 1_000)
                    let table = try await clock.showing(to: tool).run("status")
                    let words = "warning: this machine's clock is "
                    // About a minute: an answer may take a while.
                    #expect(
                        table.lines.contains { $0.contains(words + "60.") || $0.contains(words + "59.") }, "\(table)")
                }
            }
        }
    }
#endif
