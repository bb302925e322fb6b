import Beanstalk
public import DelayQueue
public import Foundation
public import Logging
import NIOCore
import PipelinedTransport

/// A queue in this process, on a clock that the test moves: no server runs, and nothing leaves the process.
///
/// ```swift
/// try await withTestQueue { test in
///     let receipt = try await test.queue.producer.delay(.seconds(86_400), "send invoice 42")
///     …
///     try await test.advance(by: .seconds(86_400))
/// }
/// ```
///
/// ``queue`` is a ``JobQueue`` like any other, for the code under test. Its producers and consumers are the real
/// ones, down to the bytes they send; only the nodes, the ledger's store and the clock are made for the test. Time moves
/// from one thing that is to happen to the next, and stands still for as long as anybody iterating a consumer is at
/// work, so a year takes as long as what happens in it.
public struct TestQueue: Sendable {
    /// The queue, for the code under test.
    public let queue: JobQueue

    /// What the queue goes by. Stands still until ``advance(by:)``.
    public let clock: TestClock

    let nodes: InProcessNodes
    let ledger: InProcessLedger

    init(
        _ name: String, nodes count: Int, start: Date, configuration: JobQueueConfiguration, logger: Logger,
        largestBody: Int
    ) async throws {
        let eventLoop = TestEventLoop(now: TestClock.origin)
        clock = TestClock(start: try Timestamp(start), eventLoop: eventLoop)
        ledger = InProcessLedger(clock: clock)
        nodes = await withCheckedContinuation { waiter in
            eventLoop.execute {
                waiter.resume(
                    returning: InProcessNodes(count: count, largestBody: largestBody, eventLoop: eventLoop))
            }
        }
        var configuration = configuration
        configuration.eventLoop = eventLoop
        configuration.clock = clock
        configuration.connection.localServers = nodes
        // A quiet node shows once a day that it is alive, or a year would be half a million such signs.
        configuration.idleBlock = 86_400
        // So does a consumer; the ledger here tells of pauses by itself.
        configuration.checkInInterval = .seconds(86_400)
        do {
            queue = try JobQueue(
                name, nodes: nodes.addresses, ledger: ledger, configuration: configuration, logger: logger)
        } catch {
            await eventLoop.shutDown()
            throw error
        }
    }

    func close() async {
        clock.eventLoop.runFreely()
        await queue.close(within: .zero)
        await clock.eventLoop.shutDown()
    }

    // MARK: Time

    /// The date that the queue's clock shows.
    public var now: Date { clock.date }

    /// Moves the clock, and returns once everything that happens until then has happened: jobs have run, handlers have
    /// ended.
    ///
    /// A handler that sleeps on ``clock``, by ``TestClock/sleep(until:tolerance:)``, is at rest; one that waits for
    /// anything else is waited for.
    ///
    /// - Parameter limit: how long, in real time, the clock may stand still as a handler is at work. 10 seconds by default.
    /// - Throws: ``TestKitError`` with `stillBusy` where it stood for longer, and `invalidTime` for a
    ///   negative duration, or more than a hundred years. `CancellationError`.
    public func advance(by duration: Duration, waitingFor limit: Duration = .seconds(10)) async throws {
        guard duration >= .zero, duration <= .seconds(100 * 366 * 86_400) else {
            throw TestKitError(.invalidTime, "the clock moves by 0 to 100 years, not by \(duration)")
        }
        let target = clock.eventLoop.now + TimeAmount(duration)
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        let move = clock.eventLoop.move(to: target) {
            arrival.yield()
            arrival.finish()
        }
        let hasArrived = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in arrivals { return true }
                return false
            }
            group.addTask {
                var last = clock.eventLoop.now
                // In real time. Ends where the clock stands still for so long, or has arrived, or the caller is cancelled.
                while (try? await Task.sleep(for: limit)) != nil, clock.eventLoop.now > last {
                    last = clock.eventLoop.now
                }
                return false
            }
            let isFirst = await group.next() ?? false
            group.cancelAll()
            return isFirst
        }
        if !hasArrived { clock.eventLoop.stop(move: move) }
        guard !hasArrived else { return }
        try Task.checkCancellation()
        throw TestKitError(
            .stillBusy,
            "\(clock.eventLoop.busyCount) tasks that iterate consumers are at work, and the clock has stood at \(now) for "
                + "\(limit); where they wait for something the test does later, let them sleep on its clock, or advance in "
                + "a task of its own")
    }

    /// Moves the clock to a date, as ``advance(by:waitingFor:)``.
    public func advance(to date: Date, waitingFor limit: Duration = .seconds(10)) async throws {
        try await advance(by: clock.read().wall.duration(to: Timestamp(date)), waitingFor: limit)
    }

    /// Lets time pass, as fast as everything comes to rest, until something has been done.
    ///
    /// - Parameter step: by so much time may be moved on once it has been done.
    func whileTimePasses<R: Sendable>(
        step: Duration = .milliseconds(10), _ body: () async throws -> R
    ) async rethrows -> R {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
                    let move = clock.eventLoop.move(to: clock.eventLoop.now + TimeAmount(step)) { arrival.finish() }
                    // Ends where this task is cancelled too.
                    for await _ in arrivals {}
                    clock.eventLoop.stop(move: move)
                }
            }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// Returns once everything that is to happen now has happened, without moving the clock.
    public func settle() async throws { try await advance(by: .zero) }

    // MARK: What there is

    /// The jobs that are on the nodes, in the order of their dates: those that wait, run, or are dead, and for a moment
    /// also those that have just ended.
    ///
    /// Sealed jobs are not among them, as they can be read with their keys only.
    public func scheduled() async -> [TestJob] {
        let records = await nodes.with { nodes in
            nodes.filter(\.isUp).flatMap { node in node.allJobs.map { JobRecord(parsing: $0.body) } }
        }
        var jobs: [LedgerKey: TestJob] = [:]
        for record in records {
            guard let id = record.id, let fireTime = record.fireTime, let body = record.body else { continue }
            let key = LedgerKey(queue: queue.producer.queue, id: id, edition: record.edition)
            let job = TestJob(id: id, fireDate: fireTime.date, body: body, headers: record.headers)
            jobs[key, default: job].copies += 1
        }
        return jobs.values.sorted { ($0.fireDate, $0.id.description) < ($1.fireDate, $1.id.description) }
    }

    /// Every run so far, in the order in which they began.
    public var runs: [TestRun] { ledger.runs }

    // MARK: Faults

    /// Ends a node's server, with every connection to it. It keeps its jobs.
    ///
    /// - Parameter index: from 0. There must be such a node.
    public func stopNode(_ index: Int) async { await nodes.with { $0[index].stop() } }

    /// Starts a node's server again.
    ///
    /// - Parameter isEmpty: whether it has lost its jobs.
    public func startNode(_ index: Int, isEmpty: Bool = false) async {
        let id = InProcessNodes.randomID()
        await nodes.with { $0[index].start(as: id, isEmpty: isEmpty) }
    }

    /// Lets a node's server take what it is sent, and answer nothing, or go on.
    public func hangNode(_ index: Int, _ isHung: Bool = true) async { await nodes.with { $0[index].hang(isHung) } }

    /// Takes the ledger away: it refuses connections, or answers nothing until its clients' time-outs.
    public func stopLedger(isHung: Bool = false) { ledger.condition = isHung ? .hung : .down }

    /// Brings the ledger back.
    ///
    /// - Parameter isEmpty: whether it has lost its records.
    public func startLedger(isEmpty: Bool = false) {
        if isEmpty { ledger.wipe() }
        ledger.condition = .up
    }

    /// Ends a consumer as the death of its process does: nothing is settled or given back, and its connections end.
    ///
    /// Its jobs run again elsewhere once their leases are over. Its handlers are not ended, but what they settle is
    /// refused as `closed`.
    public func crash(_ consumer: Consumer) async { await consumer.crash() }
}

/// Runs a test with a queue of its own in this process.
///
/// - Parameters:
///   - name: of the queue.
///   - nodes: how many nodes it has.
///   - start: the date at which its clock begins; 2026-01-01T00:00:00Z by default.
///   - largestBody: the most bytes a node takes for a record, beanstalkd's default.
/// - Throws: what `body` throws, and `invalidConfiguration`.
public func withTestQueue<R>(
    _ name: String = "test", nodes: Int = 3, start: Date = Date(timeIntervalSince1970: 1_767_225_600),
    configuration: JobQueueConfiguration = .init(), logger: Logger = Logger(label: "test"), largestBody: Int = 65_535,
    _ body: (TestQueue) async throws -> R
) async throws -> R {
    let test = try await TestQueue(
        name, nodes: nodes, start: start, configuration: configuration, logger: logger, largestBody: largestBody)
    return try await finishing {
        await test.close()
    } after: {
        try await body(test)
    }
}
