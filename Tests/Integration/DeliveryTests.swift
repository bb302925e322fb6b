import Beanstalk
import DelayQueue
import Foundation
import NIOCore
import NIOPosix
import PipelinedTransport
import Testing

@Suite("Delivery", .serialized, .timeLimit(.minutes(4)))
struct DeliveryTests {
    @Test func `300 jobs on three nodes run once each on two consumers, none early`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let first = try scenario.consumer()
            let second = try scenario.consumer()
            try await scenario.closing(producer, first, second) {
                var scheduled: Set<JobID> = []
                for index in 0..<300 {
                    let receipt = try await producer.delay(.milliseconds(200 + index * 5), "job \(index)")
                    #expect(receipt.placements.count == 3)
                    scheduled.insert(receipt.jobID)
                }
                let tally = Tally()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for consumer in [first, second] {
                        group.addTask {
                            for try await job in consumer {
                                #expect(Date() >= job.fireDate)
                                try await job.complete()
                                tally.record(job)
                            }
                        }
                    }
                    // Whoever meets a copy of a job that is done deletes it.
                    try await scenario.nodesAreEmpty()
                    await first.finish()
                    await second.finish()
                    try await group.waitForAll()
                }
                #expect(Set(tally.runs.map(\.id)) == scheduled)
                #expect(tally.runs.count == 300)
                #expect(tally.runs.allSatisfy { $0.lateness >= .zero })
            }
        }
    }

    @Test func `a body arrives as it was sent`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let bodies: [ByteBuffer] = [
                    ByteBuffer(), ByteBuffer(string: "Привет, \"世界\"\r\n👋🏽"),
                    ByteBuffer(string: "DQ1 x 1 0/1 1 1\r\n\r\n"),
                    ByteBuffer(bytes: (0..<60_000).map { UInt8(truncatingIfNeeded: $0) }),
                ]
                let results = await producer.schedule(bodies.map { JobRequest(delay: .zero, $0) })
                var expected: [JobID: ByteBuffer] = [:]
                for (result, body) in zip(results, bodies) { expected[try result.get().jobID] = body }
                for try await job in consumer {
                    #expect(job.body == expected.removeValue(forKey: job.id))
                    try await job.complete()
                    if expected.isEmpty { break }
                }
            }
        }
    }

    @Test func `headers, content type, JSON and dates travel with the job`() async throws {
        struct Invoice: Codable, Equatable {
            var number: Int
        }
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                var options = JobOptions()
                options.headers = ["x-tenant": "blue", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-01-01"]
                let date = Date(timeIntervalSinceNow: 0.3)
                let receipt = try await producer.at(date, .json(Invoice(number: 42)), options: options)
                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                #expect(job.id == receipt.jobID)
                #expect(try job.decode(Invoice.self) == Invoice(number: 42))
                #expect(job.headers["x-tenant"] == "blue")
                #expect(job.headers["content-type"] == "application/json")
                #expect(abs(job.fireDate.timeIntervalSince(date)) < 0.000_002)
                #expect(job.failures == 0)
                try await job.complete()
                await #expect(throws: DelayQueueError.self) { try await job.complete() }
            }
        }
    }

    @Test func `several tasks share one consumer, each job goes to one of them`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                _ = await producer.schedule((0..<200).map { JobRequest(delay: .zero, "\($0)") })
                let tally = Tally()
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            var taken = 0
                            for try await job in consumer {
                                taken += 1
                                job.completeSoon()
                                tally.record(job)
                            }
                            return taken
                        }
                    }
                    try await scenario.nodesAreEmpty()
                    await consumer.finish()
                    var total = 0
                    for try await taken in group { total += taken }
                    #expect(total == 200)
                }
                #expect(tally.countsByID.values.allSatisfy { $0 == 1 })
            }
        }
    }

    @Test func `a queue's jobs leave no record behind but a short one`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let receipt = try await producer.delay(.zero, "x")
                var iterator = consumer.makeAsyncIterator()
                try await #require(try await iterator.next()).complete()
                try await scenario.nodesAreEmpty(after: consumer)
                // With all copies known deleted a late claim still finds it done, for the grace.
                let request = LedgerRequest(key: receipt.ledgerKey, operation: .status)
                let reply = try await scenario.ledger.perform(request)
                #expect(reply == .finished(.done))
            }
        }
    }

    @Test func `a consumer can be iterated again after everybody left`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                for round in 0..<5 {
                    try await producer.delay(.zero, "round \(round)")
                    for try await job in consumer {
                        #expect(job.text == "round \(round)")
                        try await job.complete()
                        break
                    }
                }
            }
        }
    }

    @Test func `a consumer nobody iterates holds nothing`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                _ = await producer.schedule((0..<50).map { JobRequest(delay: .milliseconds(10 * $0), "\($0)") })
                for try await job in consumer {
                    try await job.complete()
                    break
                }
                for node in scenario.nodes.indices {
                    try await scenario.eventually {
                        let statistics = try await scenario.statistics(of: node)
                        return statistics?.currentJobsReserved == 0 && statistics?.currentWatching == 1
                    }
                }
            }
        }
    }

    @Test func `a cancelled task gets CancellationError, also when it was cancelled before`() async throws {
        try await Scenario.run { scenario in
            let consumer = try scenario.consumer()
            try await scenario.closing(nil, consumer) {
                let waiting = Task {
                    for try await _ in consumer {}
                }
                waiting.cancel()
                await #expect(throws: CancellationError.self) { try await waiting.value }
            }
        }
    }

    @Test func `a closed consumer's stream has ended`() async throws {
        try await Scenario.run { scenario in
            let consumer = try scenario.consumer()
            await consumer.close()
            var iterator = consumer.makeAsyncIterator()
            let job = try await iterator.next()
            #expect(job == nil)
        }
    }

    @Test func `tasks that prefer the consumer's executor take and complete jobs on its loop`() async throws {
        try await Scenario.run { scenario in
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            let producer = try scenario.producer()
            let consumer = try scenario.consumer { $0.eventLoop = eventLoop }
            try await scenario.closing(producer, consumer) {
                for index in 0..<100 { try await producer.delay(.zero, "\(index)") }
                let tally = Tally()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await withTaskExecutorPreference(consumer.taskExecutor) {
                            try await consumer.run(concurrency: 4) { job in
                                #expect(eventLoop.inEventLoop)
                                if Bool.random() { try await job.complete() }
                                #expect(eventLoop.inEventLoop)
                                tally.record(job)
                            }
                        }
                    }
                    try await scenario.eventually { tally.runs.count == 100 }
                    try await scenario.nodesAreEmpty()
                    await consumer.finish()
                    try await group.waitForAll()
                }
                #expect(Set(tally.runs.map(\.text)).count == 100)
            }
        }
    }

    @Test func `a consumer that ends in any turn after it began does not wait for its reserves`() async throws {
        try await Scenario.run { scenario in
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            for turns in 0..<32 {
                let consumer = try scenario.consumer(ledger: InMemoryLedger()) { $0.eventLoop = eventLoop }
                let (start, starter) = AsyncStream.makeStream(of: Void.self)
                // On the loop as well, so that the one end follows the other beginning by so many turns.
                let iterating = Task(executorPreference: EventLoopTaskExecutor(eventLoop)) {
                    for try await job in consumer { Issue.record("\(job.id) was delivered") }
                }
                let closing = Task(executorPreference: EventLoopTaskExecutor(eventLoop)) {
                    for await _ in start { break }
                    let limit = Duration.seconds(20)
                    let begun = ContinuousClock.now
                    await consumer.close(within: limit)
                    // Reserves wait for a minute, and are given up when the limit is over.
                    #expect(ContinuousClock.now - begun < limit, "after \(turns) turns")
                }
                finish(after: turns, on: eventLoop, starter)
                await closing.value
                try await iterating.value
            }
        }
    }
}

/// Ends a stream in a later turn of a loop.
private func finish(after turns: Int, on eventLoop: any EventLoop, _ stream: AsyncStream<Void>.Continuation) {
    eventLoop.execute {
        if turns == 0 { stream.finish() } else { finish(after: turns - 1, on: eventLoop, stream) }
    }
}
