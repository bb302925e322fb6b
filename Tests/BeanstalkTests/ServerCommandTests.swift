import Beanstalk
import Foundation
import NIOCore
import Testing

/// Every command against a real server.
@Suite(.timeLimit(.minutes(4))) struct ServerCommandTests {
    private let emails: TubeName
    private let longest: TubeName

    init() throws {
        emails = try TubeName(validating: "emails")
        longest = try TubeName(validating: String(repeating: "x", count: 200))
    }

    @Test func `a job is put, reserved, touched and deleted`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let body = ByteBuffer(string: "a body\r\nwith lines\r\n\0")
            let id = try await connection.put(body, priority: 5, delay: 0, timeToRun: 60)
            let reservation = try await connection.reserve()
            #expect(reservation.id == id)
            #expect(reservation.body == body)
            try await connection.touch(id, generation: reservation.generation)
            try await connection.delete(id, generation: reservation.generation)
            #expect(try await connection.peek(id) == nil)
        }
    }

    @Test func `commands about a job that is gone say so`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let id = BeanstalkJobID(99)
            let errors = [
                await error { try await connection.delete(id) },
                await error { try await connection.touch(id) },
                await error { try await connection.release(id, priority: 0, delay: 0) },
                await error { try await connection.bury(id, priority: 0) },
                await error { try await connection.kickJob(id) },
                await error { try await connection.reserveJob(id) },
                await error { try await connection.statsJob(id) },
            ]
            for error in errors {
                #expect(error?.code == .notFound)
                #expect(error?.jobID == id)
                #expect(error?.address == server.address)
                #expect(error?.mayHaveBeenSent == true)
            }
        }
    }

    @Test func `reserves with a time answer in time`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            #expect(try await connection.reserve(timeout: 0) == nil)
            #expect(try await connection.reserve(timeout: 1) == nil)
            let id = try await connection.put("soon")
            let reservation = try await connection.reserve(timeout: 10)
            #expect(reservation?.id == id)
            _ = try await connection.put("sooner")
            #expect(try await connection.reserve(timeout: .max) != nil)
        }
    }

    @Test func `a job can be reserved by its id, once`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let id = try await connection.put("delayed", delay: 100)
            #expect(try await connection.reserveJob(id).body == ByteBuffer(string: "delayed"))
            let again = await error { try await connect(to: server).reserveJob(id) }
            #expect(again?.code == .notFound)
        }
    }

    @Test func `a reservation in its last second is announced`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let id = try await connection.put("short", timeToRun: 4)
            #expect(try await connection.reserve().id == id)
            let soon = await error { try await connection.reserve(timeout: 10) }
            #expect(soon?.code == .deadlineSoon)
        }
    }

    @Test func `release gives a job back with a new priority and delay`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let id = try await connection.put("again")
            _ = try await connection.reserve()
            try await connection.release(id, priority: 7, delay: 0)
            let ready = try await connection.statsJob(id)
            #expect(ready.state == .ready)
            #expect(ready.priority == 7)
            #expect(ready.releases == 1)
            _ = try await connection.reserve()
            try await connection.release(id, priority: 8, delay: 100)
            let delayed = try await connection.statsJob(id)
            #expect(delayed.state == .delayed)
            #expect(delayed.delay == 100)
            #expect((90...100).contains(delayed.timeLeft))
        }
    }

    @Test func `buried jobs are kicked, singly or together`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let ids = [try await connection.put("a"), try await connection.put("b"), try await connection.put("c")]
            for id in ids {
                #expect(try await connection.reserve().id == id)
                try await connection.bury(id, priority: 9)
            }
            #expect(try await connection.statsJob(ids[0]).state == .buried)
            #expect(try await connection.peekBuried()?.id == ids[0])
            #expect(try await connection.reserve(timeout: 0) == nil)
            try await connection.kickJob(ids[2])
            #expect(try await connection.kick(bound: 1) == 1)
            #expect(try await connection.kick(bound: 100) == 1)
            #expect(try await connection.kick(bound: 100) == 0)
            let kicked = try await connection.statsJob(ids[0])
            #expect(kicked.state == .ready)
            #expect(kicked.buries == 1)
            #expect(kicked.kicks == 1)
            #expect(kicked.priority == 9)
        }
    }

    @Test func `peeks show a job of each state, or none`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            #expect(try await connection.peekReady() == nil)
            #expect(try await connection.peekDelayed() == nil)
            #expect(try await connection.peekBuried() == nil)
            let ready = try await connection.put("ready")
            let delayed = try await connection.put("delayed", delay: 100)
            let peekedReady = try #require(try await connection.peekReady())
            #expect(peekedReady == (ready, ByteBuffer(string: "ready")))
            let peekedDelayed = try #require(try await connection.peekDelayed())
            #expect(peekedDelayed == (delayed, ByteBuffer(string: "delayed")))
            let peeked = try #require(try await connection.peek(delayed))
            #expect(peeked == (delayed, ByteBuffer(string: "delayed")))
        }
    }

    @Test func `tubes are used, watched, ignored and listed`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            #expect(try await connection.listTubeUsed() == .default)
            #expect(try await connection.listTubesWatched() == [.default])
            try await connection.use(longest)
            #expect(try await connection.listTubeUsed() == longest)
            #expect(try await connection.watch(emails) == 2)
            #expect(try await connection.watch(emails) == 2)
            #expect(Set(try await connection.listTubesWatched()) == [.default, emails])
            #expect(try await connection.ignore(.default) == 1)
            let last = await error { try await connection.ignore(emails) }
            #expect(last?.code == .notIgnored)
            #expect(Set(try await connection.listTubes()) == [.default, emails, longest])
        }
    }

    @Test func `a connection chooses its tubes anew whenever it connects`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server, useTube: longest, watchTubes: [emails])
            for generation in 1...2 {
                #expect(try await connection.listTubeUsed() == longest)
                #expect(try await connection.listTubesWatched() == [emails])
                #expect(await connection.status.generation.number == UInt64(generation))
                await connection.disconnect()
            }
            let producer = connect(to: server, useTube: emails)
            let id = try await producer.put("for the consumer")
            #expect(try await producer.listTubesWatched() == [.default])
            #expect(try await connection.reserve().id == id)
        }
    }

    @Test func `a paused tube gives no jobs`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let id = try await connection.put("waits")
            try await connection.pauseTube(.default, delay: 100)
            let paused = try await connection.statsTube(.default)
            #expect(paused.pause == 100)
            #expect((90...100).contains(paused.pauseTimeLeft))
            #expect(paused.pauses == 1)
            #expect(try await connection.reserve(timeout: 0) == nil)
            try await connection.pauseTube(.default, delay: 0)
            #expect(try await connection.reserve(timeout: 10)?.id == id)
            let unknown = await error { try await connection.pauseTube(emails, delay: 1) }
            #expect(unknown?.code == .notFound)
        }
    }

    @Test func `statistics of the server are read`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let id = try await connection.put("one", delay: 100)
            _ = try await connection.put("two")
            // The server may be late to see that whoever asked whether it is up has gone.
            try await until { try await connection.stats().currentConnections == 1 }
            let stats = try await connection.stats()
            #expect(stats.id.count == 16)
            #expect(!stats.hostname.isEmpty)
            #expect(!stats.version.isEmpty)
            #expect(!stats.version.contains("\""))
            #expect(stats.pid > 1)
            #expect(!stats.isDraining)
            #expect(stats.maxJobSize == 65535)
            #expect(stats.currentJobsReady == 1)
            #expect(stats.currentJobsUrgent == 1)
            #expect(stats.currentJobsDelayed == 1)
            #expect(stats.currentJobsReserved == 0)
            #expect(stats.currentJobsBuried == 0)
            #expect(stats.totalJobs == 2)
            #expect(stats.currentTubes == 1)
            #expect(stats.currentConnections == 1)
            #expect(stats.currentProducers == 1)
            #expect(stats.currentWorkers == 0)
            #expect(stats.currentWaiting == 0)
            #expect(stats.totalConnections >= 1)
            #expect(stats.binlogCurrentIndex == 0)
            #expect(stats.binlogMaxSize > 0)
            #expect(stats.uptime < 60)
            #expect(stats.userTime < .seconds(60))
            #expect(stats.systemTime < .seconds(60))
            #expect(stats.commandCount("put") == 2)
            #expect(stats.commandCount("nonsense") == nil)
            #expect(stats["job-timeouts"] == "0")

            let tube = try await connection.statsTube(.default)
            #expect(tube.name == .default)
            #expect(tube.currentJobsReady == 1)
            #expect(tube.currentJobsDelayed == 1)
            #expect(tube.totalJobs == 2)
            #expect(tube.currentUsing == 1)
            #expect(tube.currentWatching == 1)
            #expect(tube.deletes == 0)

            let job = try await connection.statsJob(id)
            #expect(job.id == id)
            #expect(job.tube == .default)
            #expect(job.state == .delayed)
            #expect(job.priority == 100)
            #expect(job.delay == 100)
            #expect(job.timeToRun == 60)
            #expect(job.file == 0)

            let unknown = await error { try await connection.statsTube(emails) }
            #expect(unknown?.code == .notFound)
        }
    }

    @Test func `a body over the server's limit is refused and the connection goes on`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let largest = ByteBuffer(repeating: UInt8(ascii: "x"), count: 65535)
            let id = try await connection.put(largest, priority: 0, delay: 0, timeToRun: 1)
            #expect(try await connection.peek(id)?.body == largest)
            let larger = ByteBuffer(repeating: UInt8(ascii: "x"), count: 65536)
            let refused = await error { try await connection.put(larger, priority: 0, delay: 0, timeToRun: 1) }
            #expect(refused?.code == .jobTooBig)
            #expect(try await connection.peek(id)?.id == id)
        }
    }

    @Test func `what the server cannot read is refused in its place`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let bytes = ByteBuffer(string: "nonsense\r\ndelete x\r\nput 0 0 1 1\r\nxyz" + "list-tube-used\r\n")
            let outcome = await connection.send(RequestBatch(bytes: bytes, count: 4, timeout: .seconds(5)))
            try #require(outcome.failure == nil)
            #expect(outcome.replies == [.unknownCommand, .badFormat, .expectedCRLF, .using(.default)])
        }
    }

    @Test func `a draining server refuses jobs`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            await server.signal(SIGUSR1)
            try await until { try await connection.stats().isDraining }
            let refused = await error { try await connection.put("no") }
            #expect(refused?.code == .draining)
            #expect(try await connection.peekReady() == nil)
        }
    }

    @Test func `quit ends the connection, and the next command makes a new one`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            try await connection.quit()
            #expect(await connection.status.generation.number == 0)
            let id = try await connection.put("held")
            _ = try await connection.reserve()
            try await connection.quit()
            #expect(await connection.status.phase == .idle(retryAt: nil))
            // The reservation went with the connection.
            #expect(try await connection.reserve(timeout: 10)?.id == id)
            #expect(await connection.status.generation.number == 2)
        }
    }
}
