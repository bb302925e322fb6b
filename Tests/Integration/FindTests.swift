import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import Testing

/// Where jobs are, and decisions about many of them, on real servers.
@Suite("Finding jobs", .timeLimit(.minutes(4)))
struct FindTests {
    @Test func `a job is found by its id, receipt, date, header and body, with all of its copies`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            try await scenario.closing(producer) {
                var options = JobOptions()
                options.headers["job-type"] = "mail"
                options.headers["tenant"] = "blue"
                let receipt = try await producer.delay(.seconds(3000), "say hello", options: options)
                _ = try await producer.delay(.seconds(9000), "other")
                try await scenario.withOperations() { operations in
                    var byType = JobFilter()
                    byType.type = "mail"
                    var byBody = JobFilter()
                    byBody.body = "hello"
                    var byDate = JobFilter()
                    byDate.dueUntil = receipt.fireDate.addingTimeInterval(1)
                    // The lead may still be on its way; and a slow node may have been passed over.
                    try await scenario.eventually {
                        let job = try await operations.find(receipt.jobID).jobs.first
                        return job.map { $0.copies.count == $0.declaredCopies } ?? false
                    }
                    var searches = [try await operations.find(receipt.jobID)]
                    for filter in [byType, byBody, byDate] {
                        searches.append(try await operations.find(matching: filter))
                    }
                    for search in searches {
                        let job = try #require(search.jobs.first)
                        #expect(search.jobs.count == 1)
                        #expect(job.id == receipt.jobID)
                        #expect(job.copies.count >= 2)
                        #expect(job.copies.map(\.index) == Array(0..<job.declaredCopies))
                        #expect(job.copies.count { $0.isStandby } == job.declaredCopies - 1)
                        #expect(job.body == ByteBuffer(string: "say hello"))
                        #expect(job.headers["tenant"] == "blue")
                        #expect(job.status?.state == .unknown)
                        #expect(search.ledgerProblem == nil)
                    }
                    #expect(searches[1...].map(\.isComplete) == [true, true, true])
                    let named = try await operations.find(receipt)
                    let known = receipt.placements.count { $0.id != nil }
                    #expect(named.jobs.first?.copies.count == known)
                    #expect(try await operations.find(JobID("nowhere")).jobs.isEmpty)

                    // What was found is enough to take it back.
                    let found = try #require(searches[1].jobs.first)
                    #expect(try await producer.revoke(found.receipt) == .revoked)
                    let left = try await operations.find(matching: JobFilter())
                    #expect(left.jobs.map(\.fireDate) == left.jobs.map(\.fireDate).sorted())
                    #expect(left.jobs.count == 1)
                }
            }
        }
    }

    @Test func `the ledger's word goes with a job that runs, waits to run again, or is over`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                var options = JobOptions()
                options.id = try JobID("mine")
                let date = Date().addingTimeInterval(3000)
                _ = try await producer.at(date, "later", options: options)
                let id = try await producer.delay(.zero, "now").jobID
                try await scenario.withOperations() { operations in
                    let waiting = try await operations.find(JobID("mine"))
                    #expect(waiting.status?.state == .waiting)
                    #expect(waiting.jobs.first?.status?.state == .waiting)
                    var iterator = consumer.makeAsyncIterator()
                    let job = try #require(try await iterator.next())
                    #expect(job.id == id)
                    let running = try #require(try await operations.find(id).status)
                    #expect(running.state == .running)
                    #expect(running.record?.runs == 1)
                    #expect(running.record?.claim != nil)
                    #expect(try #require(running.record?.leaseEnd) > Date().addingTimeInterval(-60))
                    try await job.retry(after: .seconds(900))
                    let waitsAgain = try #require(try await operations.find(id).status)
                    #expect(waitsAgain.state == .retrying)
                    #expect(waitsAgain.record?.failures == 1)
                    #expect(waitsAgain.record?.retryDate != nil)
                }
            }
        }
    }

    @Test func `a node that is away is told of, and so is what no key opens; hostile bytes are just bytes`()
        async throws
    {
        let ring = try KeyRing(current: SealingKey(id: "k1", secret: [UInt8](repeating: 1, count: 32)))
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger) { $0.keyRing = ring }
            try await scenario.closing(producer) {
                let hostile = "\u{1B}]0;x\u{7}\r\n\u{0}DQ1 "
                let id = try await producer.delay(.seconds(3000), hostile).jobID
                try await scenario.withConnection(to: 0) { connection in
                    for bytes in ["DQ1 ", "DQS1 a b c\n", "DQ1 x 1 0/3 1 1\n\n", "99999999999999999999/x", ""] {
                        _ = try await connection.put(ByteBuffer(string: bytes), priority: 1, delay: 99, timeToRun: 1)
                    }
                }
                await scenario.cluster.nodes[2].kill()
                var filter = JobFilter()
                filter.body = "\u{0}DQ1"
                try await scenario.withOperations() { operations in
                    let search = try await operations.find(matching: filter)
                    #expect(search.jobs.isEmpty)
                    #expect((1...2).contains(search.unread))
                    #expect(!search.isComplete)
                    #expect(search.nodes.count { $0.problem != nil } == 1)
                    let closed = try #require(try await operations.find(id).jobs.first)
                    #expect(closed.body == nil)
                    #expect(closed.problem?.contains("no key") == true)
                    #expect((1...2).contains(closed.copies.count))
                }
                var configuration = JobQueueConfiguration()
                configuration.keyRing = ring
                try await scenario.withOperations(configuration) { operations in
                    let job = try #require(try await operations.find(matching: filter).jobs.first)
                    #expect(job.id == id)
                    #expect(job.body == ByteBuffer(string: hostile))
                }
            }
        }
    }

    @Test func `copies put aside are told apart`() async throws {
        try await Scenario.run(nodes: 2, maxJobSize: 3 << 20) { scenario in
            try await scenario.write("late", due: Timestamp.now() - .seconds(60 * 86_400))
            try await scenario.write("ours", due: Timestamp.now())
            try await scenario.withConnection(to: 0) { connection in
                _ = try await connection.put(ByteBuffer(string: "a stranger's"), priority: 1, delay: 0, timeToRun: 10)
                _ = try await connection.put(
                    ByteBuffer(repeating: 0x61, count: 2 << 20), priority: 1, delay: 0, timeToRun: 10)
                for _ in 0..<4 {
                    let reserved = await connection.execute([.reserveWithTimeout(seconds: 5)], timeout: .seconds(9))
                        .replies
                    guard case .reserved(let id, _)? = reserved.first else {
                        guard case .reservedUnread(let id, _)? = reserved.first else { throw CancellationError() }
                        try await connection.bury(id, priority: 1)
                        continue
                    }
                    try await connection.bury(id, priority: 1)
                }
            }
            try await scenario.withOperations() { operations in
                let aside = try await operations.copiesAside()
                #expect(aside.copies.allSatisfy { $0.node == scenario.nodes[0] && $0.statistics.state == .buried })
                #expect(aside.copies.map(\.kind.description).sorted() == ["foreign", "job", "late", "oversized"])
                #expect(aside.copies.first { $0.kind == .foreign }?.record == ByteBuffer(string: "a stranger's"))
                // A node without any is not gone through.
                #expect(aside.nodes.map(\.looked)[1] == 0)
                #expect(try await operations.copiesAside(limit: 2).isLimited)
            }
        }
    }

    @Test func `many dead jobs are found by what they carry, and replayed together, each to run once`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let count = 1200
                let requests = (0..<count).map { index in
                    var options = JobOptions()
                    options.headers["job-type"] = index % 2 == 0 ? "even" : "odd"
                    return JobRequest(delay: .zero, "\(index)", options: options)
                }
                let ids = await producer.schedule(requests).compactMap { try? $0.get().jobID }
                #expect(ids.count == count)
                try await scenario.withOperations() { operations in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            try await consumer.run(concurrency: 64) { try await $0.bury(reason: "smtp \($0.text)") }
                        }
                        try await scenario.eventually { try await operations.deadJobs().count == count }
                        group.cancelAll()
                        try? await group.waitForAll()
                    }
                    var filter = DeadJobFilter()
                    filter.job.type = "even"
                    filter.reason = "^smtp [0-9]+$"
                    // Copies that consumers had when they ended are on their way back.
                    try await scenario.eventually {
                        try await operations.deadJobs(matching: filter).jobs.count == count / 2
                    }
                    filter.reason = "^imap"
                    #expect(try await operations.deadJobs(matching: filter).jobs.isEmpty)
                    filter.reason = "("
                    await #expect(throws: DelayQueueError.self) { try await operations.deadJobs(matching: filter) }

                    let dead = try await operations.deadJobs()
                    let outcomes = await operations.replay(dead)
                    #expect(outcomes.count { $0.state == .decided } == count)
                    #expect(outcomes.map(\.id) == dead.map(\.id))
                    #expect(await operations.replay(dead).allSatisfy { $0.state == .notDead })
                    let runs = NIOLockedValueBox<[JobID: Int]>([:])
                    let again = try scenario.consumer()
                    try await scenario.closing(nil, again) {
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            group.addTask {
                                try await again.run(concurrency: 64) { job in
                                    runs.withLockedValue { $0[job.id, default: 0] += 1 }
                                }
                            }
                            try await scenario.eventually { runs.withLockedValue { $0.count } == count }
                            try await scenario.nodesAreEmpty()
                            group.cancelAll()
                        }
                    }
                    #expect(runs.withLockedValue { $0.values.allSatisfy { $0 == 1 } })
                }
            }
        }
    }

    @Test func `a cancelled decision leaves each job either decided or as it was`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                _ = await producer.schedule((0..<20).map { _ in JobRequest(delay: .zero, "x") })
                try await scenario.withOperations() { operations in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await consumer.run(concurrency: 8) { try await $0.bury(reason: "x") } }
                        try await scenario.eventually { try await operations.deadJobs().count == 20 }
                        group.cancelAll()
                        try? await group.waitForAll()
                    }
                    let dead = try await operations.deadJobs()
                    let outcomes = await withTaskGroup(of: [DeadJobOutcome].self) { group in
                        group.addTask { await operations.replay(dead) }
                        group.cancelAll()
                        return await group.next() ?? []
                    }
                    let left = Set(try await operations.deadJobs().map(\.id))
                    for outcome in outcomes { #expect(left.contains(outcome.id) == (outcome.state == .untouched)) }
                }
            }
        }
    }
}
