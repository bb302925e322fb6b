import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import Testing

/// Copies that are missing are written again, on real servers.
@Suite("Adding missing copies", .timeLimit(.minutes(4)))
struct RepairTests {
    /// Consumes until each job has run and no copy of any is left; none runs twice.
    ///
    /// - Parameter meanwhile: what happens once each has run.
    private func runAll(
        _ ids: Set<JobID>, _ consumer: Consumer, in scenario: Scenario, meanwhile: () async throws -> Void = {}
    ) async throws {
        let runs = NIOLockedValueBox<[JobID: Int]>([:])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    for try await job in consumer {
                        runs.withLockedValue { $0[job.id, default: 0] += 1 }
                        try await job.complete()
                    }
                } catch is CancellationError {
                    // All have run.
                }
            }
            try await scenario.eventually { runs.withLockedValue { $0.count } == ids.count }
            try await meanwhile()
            try await scenario.nodesAreEmpty()
            group.cancelAll()
        }
        #expect(runs.withLockedValue { $0 } == Dictionary(uniqueKeysWithValues: ids.map { ($0, 1) }))
    }

    /// Cancels a repair at one of its steps.
    private func interruptRepair(
        _ operations: QueueOperations, without leaving: ServerAddress, after steps: Int
    ) async throws {
        let (progress, continuation) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { continuation.finish() }
                _ = try? await operations.repairCopies(without: [leaving], minimumAge: 0) { _ in continuation.yield() }
            }
            var seen = 0
            for await _ in progress {
                seen += 1
                if seen > steps { group.cancelAll() }
            }
            try await group.waitForAll()
        }
    }

    /// A few jobs of every kind, and one that is dead.
    private func schedule(
        _ producer: Producer, _ consumer: Consumer, _ operations: QueueOperations, in scenario: Scenario,
        hasGoQueue: Bool = true
    ) async throws -> (waiting: Set<JobID>, dead: JobID) {
        let dead = try await producer.delay(.zero, "dead").jobID
        for try await job in consumer {
            try await job.bury(reason: "not today")
            break
        }
        // Its copies lie where they are to lie, and are told of.
        var waiting: Set<JobID> = []
        for number in 0..<20 { waiting.insert(try await producer.delay(.seconds(12), "\(number)").jobID) }
        waiting.insert(
            try await producer.delay(.seconds(12), "own", options: JobOptions(id: try JobID("own"))).jobID)
        if hasGoQueue {
            var options = JobOptions()
            options.format = .goQueue
            waiting.insert(try await producer.delay(.seconds(12), "go", options: options).jobID)
        }
        return (waiting, dead)
    }

    @Test(arguments: [false, true])
    func `a node that came back empty gets its copies again, dead jobs' too, and all run once`(
        isSealed: Bool
    ) async throws {
        var configuration = JobQueueConfiguration()
        if isSealed {
            configuration.keyRing = try KeyRing(
                current: SealingKey(id: "k", secret: Array(repeating: 7, count: 32)))
        }
        let keyRing = configuration.keyRing
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger) { $0.keyRing = keyRing }
            let first = try scenario.consumer { $0.keyRing = keyRing }
            let second = try scenario.consumer { $0.keyRing = keyRing }
            try await scenario.closing(producer, first, second) {
                try await scenario.withOperations(configuration) { operations in
                    let (waiting, dead) = try await schedule(
                        producer, first, operations, in: scenario, hasGoQueue: !isSealed)
                    await first.close(within: .seconds(5))
                    let count = waiting.count + 1
                    #expect(try await operations.checkCopies().missingCopies == 0)

                    await scenario.cluster.nodes[1].kill()
                    try await scenario.cluster.nodes[1].restart()
                    let damage = try await operations.checkCopies()
                    #expect(damage.jobs == count && damage.incompleteJobs == count && damage.missingCopies == count)
                    #expect(!damage.isComplete)
                    #expect(try await operations.repairCopies().passedOver == count, "all are younger than a minute")

                    let repair = try await operations.repairCopies(minimumAge: 0)
                    #expect(repair.addedCopies == count && repair.isComplete, "\(repair)")
                    #expect(try await scenario.jobCount(on: 1) == count)
                    #expect(try await operations.checkCopies().missingCopies == 0)
                    // Nothing is left to be done.
                    #expect(try await operations.repairCopies(minimumAge: 0).addedCopies == 0)

                    // The added copies are as good as those that were there.
                    await scenario.cluster.nodes[0].kill()
                    try await scenario.cluster.nodes[0].restart()
                    #expect(try await operations.deadJob(dead)?.reason == "not today")
                    try await operations.replay(dead)
                    try await runAll(waiting.union([dead]), second, in: scenario)
                }
            }
        }
    }

    @Test func `a node is taken away when its copies are elsewhere, however often that was interrupted`() async throws {
        try await Scenario.run(nodes: 4, binlog: true) { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await scenario.withOperations() { operations in
                    var ids: Set<JobID> = []
                    for number in 0..<40 {
                        ids.insert(try await producer.delay(.seconds(20), "\(number)").jobID)
                    }
                    let leaving = scenario.nodes[2].address
                    let before = try await operations.checkCopies(without: [leaving])
                    let there = try await scenario.jobCount(on: 2)
                    #expect(before.missingCopies == there && there > 0)
                    for round in 0..<5 {
                        try await interruptRepair(operations, without: leaving, after: round)
                    }
                    let repair = try await operations.repairCopies(without: [leaving], minimumAge: 0)
                    #expect(repair.isComplete, "\(repair)")
                    #expect(try await operations.checkCopies(without: [leaving]).missingCopies == 0)
                    #expect(try await scenario.jobCount(on: 2) == there, "nothing was taken from it")

                    await scenario.cluster.nodes[2].kill()
                    #expect(
                        try await operations.checkCopies().unseenNodes.keys.map(\.self) == [leaving],
                        "without it the others can be looked at, and nothing is written")
                    #expect(try await operations.checkCopies(without: [leaving]).missingCopies == 0)
                    // It comes back when all is over: what it has is not run again.
                    try await runAll(ids, consumer, in: scenario) {
                        for node in [0, 1, 3] {
                            try await scenario.eventually { try await scenario.jobCount(on: node) == 0 }
                        }
                        try await scenario.cluster.nodes[2].restart()
                    }
                }
            }
        }
    }

    @Test func `a node that is none of the queue's is not left out`() async throws {
        try await Scenario.run(nodes: 2) { scenario in
            try await scenario.withOperations() { operations in
                let stranger = try #require(ServerAddress(parsing: "q9:11300", defaultPort: 1))
                let error = await #expect(throws: DelayQueueError.self) {
                    try await operations.repairCopies(without: [stranger])
                }
                #expect(error?.code == .invalidConfiguration && error?.message.contains("q9:11300") == true)
            }
        }
    }
}
