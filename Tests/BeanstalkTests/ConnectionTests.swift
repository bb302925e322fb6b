import Beanstalk
import Logging
import NIOCore
import PipelinedTransport
import Testing

/// The connection's own promises, seen through a real server.
@Suite(.timeLimit(.minutes(4))) struct ConnectionTests {
    @Test func `many callers share one connection and each gets its own answer`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let ids = try await withThrowingTaskGroup(of: (Int, BeanstalkJobID).self) { group in
                for number in 0..<500 {
                    group.addTask { (number, try await connection.put("body \(number)")) }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(ids.count == 500)
            #expect(Set(ids.values).count == 500)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, id) in ids {
                    group.addTask {
                        let job = try #require(try await connection.peek(id))
                        #expect(job.id == id)
                        #expect(job.body == ByteBuffer(string: "body \(number)"))
                    }
                }
                try await group.waitForAll()
            }
            let stats = try await connection.stats()
            #expect(stats.totalJobs == 500)
            #expect(stats.currentConnections == 1)
        }
    }

    @Test func `requests of one turn that are too long to be copied together arrive as they are`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            // 2.4 MB before anything is connected, and again after.
            for round in 0..<2 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<40 {
                        group.addTask {
                            let body = ByteBuffer(repeating: UInt8(number + round), count: 60_000)
                            let id = try await connection.put(body, priority: 0, delay: 0, timeToRun: 60)
                            #expect(try await connection.peek(id)?.body == body)
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `a connection that nobody keeps is closed, from whatever thread it goes`() async throws {
        try await BeanstalkdProcess.running { server in
            let observer = connect(to: server)
            var connection: BeanstalkConnection? = connect(to: server)
            weak let remembered = connection
            _ = try await connection?.put("a")
            // Whoever looked whether the server is up may still be seen.
            try await until { try await observer.stats().currentConnections == 2 }
            connection = nil
            #expect(remembered == nil)
            try await until { try await observer.stats().currentConnections == 1 }
            // And one that is being made.
            connection = connect(to: server)
            let put = connection.map { connection in
                Task { [weak connection] in await connection?.execute([.reserve], timeout: nil) }
            }
            connection = nil
            put?.cancel()
            _ = await put?.value
            try await until { try await observer.stats().currentConnections == 1 }
        }
    }

    @Test func `commands that no buffer holds together are refused, and nothing is connected`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let put = BeanstalkCommand.put(
                ByteBuffer(repeating: 0, count: 1 << 20), priority: 0, delay: 0, timeToRun: 1)
            let outcome = await connection.execute(Array(repeating: put, count: 2_048))
            #expect(outcome.replies.isEmpty)
            #expect(outcome.failure?.code == .tooLarge)
            #expect(outcome.failure?.mayHaveBeenSent == false)
            #expect(await connection.status.generation.number == 0)
        }
    }

    @Test func `a batch is answered in order, refusals in their places`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let puts = await connection.execute(
                (0..<1000).map {
                    .put(ByteBuffer(string: "\($0)"), priority: 0, delay: 0, timeToRun: 60)
                })
            #expect(puts.failure == nil)
            #expect(puts.replies == (1...1000).map { .inserted(BeanstalkJobID($0)) })
            let mixed = await connection.execute([
                .delete(BeanstalkJobID(1)), .delete(BeanstalkJobID(1)), .peekReady, .use(.default), .listTubesWatched,
                .reserveWithTimeout(seconds: 0), .touch(BeanstalkJobID(2)), .bury(BeanstalkJobID(2), priority: 0),
            ])
            #expect(
                mixed.replies == [
                    .deleted, .notFound, .found(BeanstalkJobID(2), ByteBuffer(string: "1")), .using(.default),
                    .ok(ByteBuffer(string: "---\n- default\n")),
                    .reserved(BeanstalkJobID(2), ByteBuffer(string: "1")), .touched, .buried(nil),
                ])
            let nothing = await connection.execute([])
            #expect(nothing.replies.isEmpty)
            #expect(nothing.failure == nil)
            #expect(nothing.generation == mixed.generation)
        }
    }

    @Test func `cancelling one of many disturbs nobody`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let other = connect(to: server)
            // The reserve holds back every later answer until a job is there.
            async let reservation = connection.reserve()
            try await until { try await other.stats().currentWaiting == 1 }
            let puts = (0..<50).map { number in
                // Awaited below, all of them.
                Task {
                    let body = ByteBuffer(string: "\(number)")
                    return await connection.execute([.put(body, priority: 9, delay: 9, timeToRun: 9)])
                }
            }
            try await until { await connection.status.unanswered == 51 }
            puts[20].cancel()
            let cancelled = await puts[20].value
            #expect(cancelled.failure?.code == .cancelled)
            #expect(cancelled.failure?.mayHaveBeenSent == true)
            #expect(cancelled.replies.isEmpty)
            #expect(await connection.status.unanswered == 51)

            let id = try await other.put("for the reserve")
            #expect(try await reservation.id == id)
            var ids: Set<BeanstalkJobID> = []
            for (number, put) in puts.enumerated() where number != 20 {
                let outcome = await put.value
                guard case .inserted(let id) = outcome.replies.first else {
                    Issue.record("\(number): \(outcome)")
                    continue
                }
                ids.insert(id)
                #expect(try await connection.peek(id)?.body == ByteBuffer(string: "\(number)"))
            }
            #expect(ids.count == 49)
            let status = await connection.status
            #expect(status.unanswered == 0)
            #expect(status.generation.number == 1)
        }
    }

    @Test(arguments: 0..<8)
    func `a cancellation in any turn of the loop ends the wait of a task that prefers the loop`(
        _ turns: Int
    ) async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            // Connected, so that nothing but the reply is waited for.
            _ = try await connection.stats()
            let eventLoop = connection.eventLoop
            let (start, starter) = AsyncStream.makeStream(of: Void.self)
            let waiting = Task(executorPreference: EventLoopTaskExecutor(eventLoop)) {
                for await _ in start { break }
                return await connection.execute([.reserveWithTimeout(seconds: 20)], timeout: nil)
            }
            eventLoop.execute {
                starter.finish()
                cancel(waiting, after: turns, on: eventLoop)
            }
            #expect(await waiting.value.failure?.code == .cancelled)
        }
    }

    @Test func `a limit that is over at once ends a close in a task that prefers the loop`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            _ = try await connection.stats()
            let waiting = Task { await connection.execute([.reserveWithTimeout(seconds: 20)], timeout: nil) }
            while await connection.status.unanswered == 0 { await Task.yield() }
            await Task(executorPreference: EventLoopTaskExecutor(connection.eventLoop)) {
                await connection.close(drainingFor: .zero)
            }.value
            #expect(await waiting.value.failure?.code == .closed)
            #expect(await connection.execute([.stats]).failure?.code == .closed)
        }
    }

    @Test func `a cancelled task sends nothing`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            // Awaited at once.
            let outcome = await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await connection.execute([.stats])
            }.value
            #expect(outcome.failure?.code == .cancelled)
            #expect(outcome.failure?.mayHaveBeenSent == false)
            #expect(await connection.status.phase == .idle(retryAt: nil))
        }
    }

    @Test func `a reserve that ran out of time does not spoil later answers`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let other = connect(to: server)
            _ = try await connection.stats()
            let late = await connection.execute([.reserve], timeout: .milliseconds(50))
            #expect(late.failure?.code == .timedOut)
            #expect(late.failure?.mayHaveBeenSent == true)
            #expect(await connection.status.unanswered == 1)
            _ = try await other.put("for the reserve")
            let used = try await connection.listTubeUsed()
            #expect(used == .default)
            let watched = try await connection.listTubesWatched()
            #expect(watched == [.default])
            let status = await connection.status
            #expect(status.unanswered == 0)
            #expect(status.generation.number == 1)
        }
    }

    @Test func `a job reserved too late is given back by what its caller left`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let other = connect(to: server)
            _ = try await connection.stats()
            let late = await connection.execute([.reserve], timeout: .milliseconds(50)) { index, reply in
                guard index == 0, case .reserved(let id, _) = reply else { return nil }
                return .release(id, priority: 3, delay: 0)
            }
            #expect(late.failure?.code == .timedOut)
            let id = try await other.put("late")
            let reservation = try #require(try await other.reserve(timeout: 10))
            #expect(reservation.id == id)
            let job = try await other.statsJob(id)
            #expect(job.releases == 1)
            #expect(job.priority == 3)
            #expect(try await connection.peek(id)?.id == id)
        }
    }

    @Test func `a server killed in the middle of a batch leaves the answers that came`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let other = connect(to: server)
            async let outcome = connection.execute(
                [
                    .listTubeUsed, .put(ByteBuffer(string: "x"), priority: 0, delay: 100, timeToRun: 1), .reserve,
                    .peekReady, .peekDelayed,
                ], timeout: nil)
            try await until { try await other.stats().currentWaiting == 1 }
            await server.kill()
            let killed = await outcome
            #expect(killed.replies == [.using(.default), .inserted(BeanstalkJobID(1))])
            #expect(killed.failure?.code == .connectionLost)
            #expect(killed.failure?.mayHaveBeenSent == true)
            #expect(killed.failure?.address == server.address)
        }
    }

    @Test func `a refused connection is not tried again inside the backoff`() async throws {
        let port = BeanstalkdProcess.freePort()
        var configuration = ConnectionConfiguration()
        configuration.backoff = ExponentialBackoff(initial: .seconds(600), maximum: .seconds(600), jitter: 0)
        let connection = connect(to: .hostname("127.0.0.1", port: port), configuration: configuration)
        let refused = await error { try await connection.stats() }
        #expect(refused?.code == .transport)
        #expect(refused?.underlying?.code == .connectFailed)
        #expect(refused?.underlying?.retryAfter == .seconds(600))
        #expect(refused?.mayHaveBeenSent == false)
        let held = await error { try await connection.stats() }
        #expect(held?.underlying?.code == .backingOff)
        #expect(held?.underlying?.retryAfter.map { $0 > .seconds(1) } == true)
        #expect(held?.mayHaveBeenSent == false)
        #expect(await connection.status.generation.number == 1)
    }

    @Test func `a server that comes back is connected to again`() async throws {
        try await BeanstalkdProcess.running { server in
            var configuration = ConnectionConfiguration()
            configuration.backoff = ExponentialBackoff(initial: .milliseconds(1), maximum: .milliseconds(1))
            let connection = connect(to: server.address, configuration: configuration)
            let id = try await connection.stats().id
            await server.kill()
            try await server.restart()
            var stats: ServerStatistics?
            try await until {
                stats = try? await connection.stats()
                return stats != nil
            }
            #expect(stats?.id != id)
        }
    }

    @Test func `nothing is connected before the first use`() async throws {
        try await BeanstalkdProcess.running { server in
            let other = connect(to: server)
            let before = try await other.stats().totalConnections
            let lazy = connect(to: server)
            #expect(await lazy.status.phase == .idle(retryAt: nil))
            #expect(await lazy.status.generation.number == 0)
            #expect(try await other.stats().totalConnections == before)
            #expect(try await lazy.stats().totalConnections == before + 1)
        }
    }

    @Test func `a command bound to a connection that is gone is not sent`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let id = try await connection.put("held")
            let reservation = try await connection.reserve()
            await connection.disconnect()
            let whileDown = await error { try await connection.delete(id, generation: reservation.generation) }
            #expect(whileDown?.underlying?.code == .staleGeneration)
            #expect(try await connection.statsJob(id).state != .buried)
            let afterwards = await error { try await connection.delete(id, generation: reservation.generation) }
            #expect(afterwards?.underlying?.code == .staleGeneration)
            #expect(afterwards?.mayHaveBeenSent == false)
            #expect(afterwards?.jobID == id)
            let bound = await connection.execute([.peekReady], generation: reservation.generation)
            #expect(bound.failure?.code == .staleGeneration)
            #expect(try await connection.peek(id)?.id == id)
        }
    }

    @Test func `close waits for the answers that are due`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let other = connect(to: server)
            async let reservation = connection.reserve()
            async let batch = connection.execute([.listTubeUsed, .listTubesWatched])
            try await until { await connection.status.unanswered == 2 }
            try await until { try await other.stats().currentWaiting == 1 }
            async let closed: Void = connection.close(drainingFor: .seconds(30))
            try await until { await connection.status.phase == .closed }
            let refused = await error { try await connection.stats() }
            #expect(refused?.underlying?.code == .closed)
            #expect(refused?.mayHaveBeenSent == false)
            let id = try await other.put("last")
            #expect(try await reservation.id == id)
            #expect(await batch.replies.count == 2)
            #expect(await batch.failure == nil)
            await closed
            // The server has taken the reservation back.
            #expect(try await other.reserve(timeout: 10)?.id == id)
        }
    }

    @Test func `close gives up on answers that do not come`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let other = connect(to: server)
            async let outcome = connection.execute([.listTubeUsed, .reserve], timeout: nil)
            try await until { try await other.stats().currentWaiting == 1 }
            await connection.close(drainingFor: .milliseconds(20))
            let closed = await outcome
            #expect(closed.replies == [.using(.default)])
            #expect(closed.failure?.code == .closed)
            #expect(closed.failure?.mayHaveBeenSent == true)
        }
    }

    @Test func `a peer that sends what it must not is hung up on`() async throws {
        try await BeanstalkdProcess.running { server in
            // The server's answer is longer than this decoder takes.
            let connection = BeanstalkConnection.beanstalk(
                server.address, maximumBodySize: 10, eventLoop: connect(to: server).eventLoop,
                logger: Logger(label: "test"))
            let violation = await error { try await connection.stats() }
            #expect(violation?.code == .transport)
            #expect(violation?.underlying?.code == .protocolViolation)
            #expect((violation?.underlying?.underlying as? BeanstalkError)?.code == .malformedReply)
            #expect(violation?.mayHaveBeenSent == true)
        }
    }
}

/// Cancels a task in a later turn of a loop.
private func cancel(
    _ task: Task<BatchOutcome<BeanstalkReply>, Never>, after turns: Int, on eventLoop: any EventLoop
) {
    guard turns > 0 else { return task.cancel() }
    eventLoop.execute { cancel(task, after: turns - 1, on: eventLoop) }
}
