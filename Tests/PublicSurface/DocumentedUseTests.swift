import DelayQueue
import Foundation
import Testing

// What README.md, Docs and doc comments show, as somebody writes it whose target depends on DelayQueue alone. This target
// sees no `package` declarations (Package.swift), and imports nothing of what DelayQueue is made of: that it compiles is
// half of what it shows. Nobody listens at the nodes' ports, so that what is sent fails, in a known way.

private func invoices() throws -> [BeanstalkNode] {
    try ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"].map { try BeanstalkNode($0, tube: "invoices") }
}

@Suite struct DocumentedUseTests {
    struct Invoice: Codable, Equatable {
        var number: Int
        var date: Date
    }

    // MARK: Producing

    @Test func `a job is refused where no node is, and the error says what each of them said`() async throws {
        let producer = try Producer(nodes: try invoices(), ledger: InMemoryLedger())
        let error = await #expect(throws: DelayQueueError.self) {
            let receipt = try await producer.at(Date.now.addingTimeInterval(60), "send invoice 42")
            _ = try await producer.revoke(receipt)
        }
        #expect(error?.code == .insufficientCopies)
        #expect(error?.isRetriable == true && error?.mayStillFire == false)
        #expect(error?.nodeFailures.count == 3)
        // The node that was to get the lead was not asked any more.
        let reasons = (error?.nodeFailures ?? []).compactMap { failure in
            (failure.error as? TransportError).map { (failure, $0) }
        }
        #expect(reasons.count == 2)
        for (failure, reason) in reasons {
            #expect(reason.code == .connectFailed && !reason.mayHaveBeenSent && reason.retryAfter != nil)
            #expect(reason.address == failure.node.address)
        }
        await producer.close(within: .seconds(1))
    }

    @Test func `jobs are scheduled in any number, form and way`() async throws {
        var configuration = ProducerConfiguration()
        #expect(configuration.copyMode == .standby)
        configuration.copyMode = CopyMode.together
        let producer = try Producer(nodes: try invoices(), configuration: configuration)
        let invoice = Invoice(number: 42, date: .now)
        var options = JobOptions(id: try JobID("invoice-42"), priority: .high, timeToRun: .seconds(20))
        options.headers["trace-id"] = "7"
        options.contentType = "text/plain"
        options.pastDates = .runImmediately
        let requests = [
            JobRequest(at: invoice.date, "text", options: options),
            JobRequest(delay: .seconds(5), .json(invoice)),
            JobRequest(delay: .seconds(5), Data([1, 2]), options: JobOptions(format: .goQueue)),
            JobRequest(delay: .seconds(5), ByteBuffer(string: "bytes")),
            JobRequest(delay: .seconds(5), Reminder(text: "a body of one's own")),
        ]
        let results = await producer.schedule(requests)
        #expect(results.count == requests.count)
        for result in results {
            #expect(throws: DelayQueueError.self) { try result.get() }
        }
        let error = await #expect(throws: DelayQueueError.self) {
            try await withTaskExecutorPreference(producer.taskExecutor) {
                try await producer.delay(.seconds(5), .json(invoice))
            }
        }
        #expect(error?.code == .insufficientCopies)
        await producer.close()
    }

    struct Reminder: JobBody {
        var text: String

        func write(into buffer: inout ByteBuffer) { buffer.writeString(text) }

        var defaultContentType: String? { "text/plain" }
    }

    @Test func `a receipt is text, and tells where the copies are`() async throws {
        let text = """
            dqr1,0199a0b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b,1790000000123456,mail,generated,native,3,\
            0@q1.internal:11300@mail@17@1f0c5a9be2d47386,1@%5bfd00::2%5d:11300@mail@9@0a77c1d2e3f40516,\
            2@q3.internal:11300@mail@?@?
            """
        let receipt = try Receipt(parsing: text)
        #expect(receipt.description == text)
        #expect(try JSONDecoder().decode(Receipt.self, from: JSONEncoder().encode(receipt)) == receipt)
        let (id, mail) = (try JobID("0199a0b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"), try TubeName(validating: "mail"))
        #expect(receipt.jobID == id && receipt.queue == mail && mail.rawValue == "mail")
        #expect(receipt.format == .native && receipt.copies == 3 && !receipt.hasOwnID)
        #expect(abs(receipt.fireDate.timeIntervalSince1970 - 1_790_000_000.123456) < 0.000_002)
        let first = try #require(receipt.placements.first)
        #expect(first.id == BeanstalkJobID(17) && first.id?.rawValue == 17 && first.index == 0)
        let server: ServerID? = first.serverID
        #expect(server?.description == "1f0c5a9be2d47386" && receipt.placements[2].serverID == nil)
        #expect(first.node.address == .hostname("q1.internal", port: BeanstalkNode.defaultPort))
        #expect(first.node.tube.rawValue == "mail")

        // Without a ledger the copies are looked for, and these are out of reach.
        let producer = try Producer(nodes: try invoices())
        let outcome = try await producer.revoke(receipt)
        switch outcome {
        case .revoked, .alreadyRunning, .alreadyDone: Issue.record("\(outcome)")
        default: #expect(outcome == .incomplete && "\(outcome)" == "incomplete")
        }
        await producer.close()
    }

    // MARK: Pausing

    @Test func `a queue is paused and resumed, and its consumers are told of`() async throws {
        let operations = try QueueOperations(nodes: try invoices(), ledger: InMemoryLedger())
        try await operations.pause(for: .seconds(600), why: "the mail server is being replaced", by: "anna")
        let pause: QueuePause = try #require(try await operations.pauseState())
        let end = try #require(pause.until)
        #expect(pause.by == "anna" && pause.why.hasSuffix("replaced") && end > pause.since)
        try await operations.pause(why: "longer than was thought")
        #expect(try await operations.pauseState()?.until == nil)
        #expect(try await operations.resume())
        #expect(try await operations.resume() == false)
        #expect(try await operations.pauseState() == nil)
        let error = await #expect(throws: DelayQueueError.self) { try await operations.pause(for: .zero, why: "") }
        #expect(error?.code == .invalidOption)
        for consumer: SeenConsumer in try await operations.consumers() where consumer.isSilent {
            let age = consumer.lastSeen.timeIntervalSince(consumer.startedAt)
            Issue.record(
                "\(consumer.id) \(consumer.process) \(consumer.version): \(consumer.busy) of \(consumer.limit), \(age)")
            #expect(consumer.activity == .taking && consumer.completed > consumer.completedPerMinute)
            #expect(consumer.clockSkew == nil)
        }
        await operations.close()
    }

    // MARK: Dead jobs

    @Test func `dead jobs are listed, replayed and dropped`() async throws {
        let operations = try QueueOperations(nodes: try invoices(), ledger: InMemoryLedger())
        for job in try await operations.deadJobs() where job.reason.contains("smtp") && job.runs > job.failures {
            let ready: Int? = try await operations.replay(job.id)
            let isPoison = job.endedLeases > 0 && job.endedAlone >= 3
            Issue.record(
                "\(job.id) of \(job.consumer) (\(isPoison)), dead since \(job.diedAt), is on \(job.copies.map(\.address)): \(ready ?? 0)"
            )
        }
        let id = try JobID("invoice:42")
        #expect(try await operations.deadJob(id) == nil)
        #expect(try await operations.replay(id) == nil)
        #expect(try await operations.drop(id) == false)

        var filter = DeadJobFilter()
        filter.reason = "smtp|imap"
        filter.diedFrom = Date(timeIntervalSinceNow: -3600)
        filter.diedUntil = .now
        filter.job.type = "mail"
        let search = try await operations.deadJobs(matching: filter)
        #expect(search.jobs.isEmpty && search.unread == 0 && !filter.isEmpty)
        for outcome in await operations.replay(search.jobs) where outcome.state != .decided {
            Issue.record(
                "\(outcome.id): \(outcome.state), \(outcome.readyCopies), \(String(describing: outcome.error))")
        }
        #expect(await operations.drop(search.jobs) { _ in }.isEmpty)
        #expect(try await operations.examine(id) == nil)
        await operations.close()
    }

    @Test func `jobs are found on the nodes, and nodes that do not answer are named`() async throws {
        let operations = try QueueOperations(nodes: try invoices(), ledger: InMemoryLedger())
        var filter = JobFilter()
        filter.ids = [try JobID("invoice:42")]
        filter.body = "42"
        filter.headers["tenant"] = "blue"
        filter.dueFrom = .now
        filter.dueUntil = Date(timeIntervalSinceNow: 3600)
        let search = try await operations.find(matching: filter, limit: 10) { node in _ = (node.seen, node.jobs) }
        #expect(search.nodes.map(\.mayHaveMissed) == [nil, nil, nil])
        #expect(search.nodes.allSatisfy { $0.problem != nil && $0.looked == 0 } && !search.isComplete)
        #expect(!search.isLimited && search.unread == 0 && search.ledgerProblem == nil)
        for job in search.jobs {
            let places = job.copies.map { ($0.node, $0.tube, $0.id, $0.serverID, $0.index, $0.isStandby) }
            let states = job.copies.map { ($0.statistics.state, $0.statistics.timeLeft) }
            let told = job.status?.record.map {
                ($0.runs, $0.failures, $0.endedLeases, $0.claim, $0.leaseEnd, $0.retryDate)
            }
            Issue.record("\(job.id), \(job.format), \(job.headers), \(places), \(states), \(String(describing: told))")
            _ = (job.body, job.problem, job.fireDate, job.declaredCopies, job.receipt, job.status?.record?.death)
        }
        let one = try await operations.find(JobID("invoice:42"))
        #expect(one.status == nil && one.jobs.isEmpty)
        let aside = try await operations.copiesAside(limit: 10)
        for copy in aside.copies where copy.kind != .job {
            _ = (copy.jobID, copy.fireDate, copy.problem, copy.size, copy.record, copy.tube, copy.id, copy.serverID)
        }
        #expect(aside.nodes.count == 3 && !aside.isLimited)
        await operations.close()

        let producer = try Producer(nodes: try invoices(), ledger: InMemoryLedger())
        let receipts: [Receipt] = search.jobs.map(\.receipt)
        #expect(await producer.revoke(receipts).isEmpty)
        #expect(try await producer.revoke([JobID("invoice:42")])[0].get() == .unknown)
        await producer.close(within: .seconds(1))
    }

    // MARK: Missing copies

    @Test func `missing copies are counted and written`() async throws {
        let operations = try QueueOperations(nodes: try invoices(), ledger: InMemoryLedger())
        let stranger = try #require(ServerAddress(parsing: "elsewhere:11300", defaultPort: 11300))
        await #expect(throws: DelayQueueError.self) { _ = try await operations.checkCopies(without: [stranger]) }
        let error = await #expect(throws: DelayQueueError.self) {
            let report: CopyReport = try await operations.repairCopies(without: [stranger]) { progress in
                Issue.record("\(progress.copies)")
            }
            if report.isComplete { return }
            Issue.record(
                "\(report.jobs) \(report.incompleteJobs) \(report.missingCopies) \(report.addedCopies) \(report.endedMeanwhile)"
            )
            Issue.record(
                "\(report.passedOver) \(report.untold) \(report.ledgerProblem ?? "") \(report.unseenNodes) \(report.refusals)"
            )
            Issue.record("\(report.mayHaveMissed) \(report.unreadableRecords) \(report.leftBehind)")
        }
        #expect(error?.code == .invalidConfiguration)
        await operations.close()
    }

    // MARK: Consuming

    /// Compiled only: no job comes.
    private func consume(_ consumer: Consumer) async throws {
        for try await job in consumer {
            guard job.attempt > job.failures + job.endedLeases, job.lateness < .seconds(1), !job.isLeaseLost else {
                try await job.retry(after: .seconds(1))
                continue
            }
            let bytes = job.body.readableBytes + Data(job.body.readableBytesView).count
            let invoice: Invoice = try job.decode()
            if job.headers["trace-id"] == nil || bytes == 0 || job.fireDate > invoice.date || job.text.isEmpty {
                try await job.bury(reason: "job \(job.id) is not ours")
            } else if invoice.number > 0 {
                try await job.complete()
            } else {
                job.completeSoon()
            }
        }
    }

    @Test func `a consumer's stream, handlers and service end when it is closed`() async throws {
        let consumer = try Consumer(nodes: try invoices(), ledger: InMemoryLedger())
        await consumer.finish()
        try await consume(consumer)
        try await withTaskExecutorPreference(consumer.taskExecutor) {
            try await consumer.run(concurrency: 16) { job in _ = job.text }
        }
        try await ConsumerService(consumer, concurrency: 4, shutdownDeadline: .seconds(1)) { job in _ = job.text }.run()
        await consumer.close(within: .seconds(1))
    }

    // MARK: Settings

    @Test func `every setting of the documents can be written`() throws {
        var connection = ConnectionConfiguration()
        connection.connectTimeout = .seconds(1)
        connection.peerTimeout = .seconds(10)
        connection.backoff = ExponentialBackoff(initial: .milliseconds(10), maximum: .seconds(1))
        connection.backoff.jitter = 0
        #expect(connection.backoff.delay(afterFailures: 3, chance: 0) == .milliseconds(40))
        connection.tls = try .verifying()

        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let ring = try KeyRing(
            current: SealingKey(id: "2026-01", base64: Data(repeating: 7, count: 32).base64EncodedString()),
            previous: [SealingKey(id: "2025-01", secret: [UInt8](repeating: 8, count: 32))], mode: .sign)
        #expect(ring.current.id == "2026-01" && ring.mode != .encrypt)

        var timing = LedgerTiming()
        timing.lease = .seconds(20)
        timing.timeToRun = .seconds(20)
        timing.grace = .seconds(600)
        timing.retention = .seconds(86_400)
        timing.retentionOfUnknownCopies = .seconds(3600)

        var ledger = RedisLedgerConfiguration()
        ledger.timeout = .seconds(2)
        ledger.connection = connection
        ledger.eventLoop = loop
        let redis = try RedisLedger("rediss://user:secret@10.0.0.4:6379/0", configuration: ledger)

        var producing = ProducerConfiguration()
        producing.copies = 3
        producing.minimumWritten = 2
        producing.stragglerGrace = .milliseconds(100)
        producing.writeTimeout = .seconds(3)
        producing.maximumRecordSize = 4 << 20
        producing.queue = "invoices"
        producing.timing = timing
        producing.keyRing = ring
        producing.connection = connection
        producing.eventLoop = loop
        _ = try Producer(nodes: try invoices(), ledger: redis, configuration: producing)

        var consuming = ConsumerConfiguration()
        consuming.timing = timing
        consuming.retryPolicy.maximumFailures = 3
        consuming.retryPolicy.maximumEndedAlone = 5
        consuming.retryPolicy.jitter = 0
        consuming.lateJobs = .discard
        consuming.foreignJobs = .bury
        consuming.deliveryGuarantee = .atMostOnce
        consuming.settleTimeout = .seconds(5)
        consuming.maximumRecordSize = 4 << 20
        consuming.maximumHeldBytes = 256 << 20
        consuming.queue = "invoices"
        consuming.keyRing = ring
        consuming.unsealedJobs = .accept
        consuming.connection = connection
        consuming.eventLoop = loop
        _ = try Consumer(nodes: try invoices(), ledger: redis, configuration: consuming)
        let waits = (1...3).map { consuming.retryPolicy.delay(afterFailures: $0, chance: 0) }
        #expect(waits == [.seconds(1), .seconds(2), nil])
    }

    @Test func `nodes are named by text or by address`() throws {
        let node = try BeanstalkNode("[fd00::2]:11301", tube: "mail")
        let mail = try TubeName(validating: "mail")
        #expect(node.address == .hostname("fd00::2", port: 11301) && node.tube == mail)
        let local = BeanstalkNode(address: .unixDomainSocket(path: "/run/beanstalkd.sock"), tube: .default)
        #expect(local.address == ServerAddress(parsing: "/run/beanstalkd.sock") && local.tube.rawValue == "default")
        let error = #expect(throws: DelayQueueError.self) { try BeanstalkNode("q1:0") }
        #expect(error?.code == .invalidConfiguration)
        let refusal = #expect(throws: BeanstalkError.self) { try TubeName(validating: "-mail") }
        #expect(refusal?.code == .invalidTubeName)
    }

    @Test func `a certificate that cannot be read is named`() {
        let error = #expect(throws: TLSFileError.self) {
            _ = try ConnectionConfiguration.TLSMode.verifying(
                authorities: "/nowhere/ca.crt",
                clientCertificate: .init(certificateFile: "client.crt", keyFile: "client.key"))
        }
        #expect(error?.file == "/nowhere/ca.crt")
    }
}
