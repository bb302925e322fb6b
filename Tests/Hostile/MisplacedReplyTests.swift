import Beanstalk
import DelayQueueTestKit
import NIOCore
import NIOPosix
import PipelinedTransport
import Testing

/// One connection, to a server whose replies are well-formed and belong to other questions, or to none.
@Suite("A beanstalkd that loses count", .timeLimit(.minutes(4)))
struct MisplacedReplyTests {
    private typealias Step = HostileServer.Step

    private static let largest = "18446744073709551615"

    private static let job = BeanstalkJobID(7)

    private static let misplaced = [
        (BeanstalkCommand.delete(job), "INSERTED 7\r\n"), (.delete(job), "RELEASED\r\n"),
        (.delete(job), "OK 0\r\n\r\n"),
        (.release(job, priority: 0, delay: 0), "DELETED\r\n"), (.release(job, priority: 0, delay: 0), "BURIED 7\r\n"),
        (.bury(job, priority: 0), "BURIED 7\r\n"), (.touch(job), "DELETED\r\n"),
        (.put(ByteBuffer(string: "x"), priority: 0, delay: 0, timeToRun: 1), "DELETED\r\n"),
        (.put(ByteBuffer(string: "x"), priority: 0, delay: 0, timeToRun: 1), "BURIED\r\n"),
        (.put(ByteBuffer(string: "x"), priority: 0, delay: 0, timeToRun: 1), "NOT_FOUND\r\n"),
        (.reserve, "FOUND 7 1\r\nx\r\n"), (.reserveWithTimeout(seconds: 0), "DELETED\r\n"),
        (.reserveWithTimeout(seconds: 0), "NOT_FOUND\r\n"), (.reserveJob(job), "RESERVED 8 1\r\nx\r\n"),
        (.peek(job), "FOUND 8 1\r\nx\r\n"), (.peek(job), "RESERVED 7 1\r\nx\r\n"), (.peekReady, "OK 1\r\nx\r\n"),
        (.kick(bound: 1), "KICKED\r\n"), (.kickJob(job), "KICKED 1\r\n"), (.stats, "FOUND 7 1\r\nx\r\n"),
        (.statsJob(job), "TOUCHED\r\n"), (.statsJob(job), "OK 10\r\n---\nid: 8\n\r\n"),
        (.statsTube(.default), "OK 14\r\n---\nname: other\n\r\n"), (.use(.default), "USING other\r\n"),
        (.watch(.default), "USING default\r\n"),
        (.listTubeUsed, "OK 0\r\n\r\n"), (.pauseTube(.default, delay: 1), "RELEASED\r\n"),
        (.delete(job), "DRAINING\r\n"), (.delete(job), "TIMED_OUT\r\n"), (.touch(job), "NOT_IGNORED\r\n"),
    ]

    @Test func `a reply to another question ends the connection`() async throws {
        try await withBeanstalkd { real in
            for (command, reply) in Self.misplaced {
                // After it, no reply can be told to be anybody's: the good one behind it counts for nothing.
                let script: [Step] = [.hear("\r\n"), .say(reply + "DELETED\r\n")]
                try await Peers.expect(
                    .protocolViolation, of: [command, .delete(Self.job)], to: script, then: real, "\(command): \(reply)"
                )
            }
        }
    }

    @Test func `replies before a wrong one stand`() async throws {
        let commands: [BeanstalkCommand] = [.delete(Self.job), .touch(Self.job), .delete(Self.job)]
        let script: [Step] = [.hear("touch"), .say("DELETED\r\nINSERTED \(Self.largest)\r\nDELETED\r\n")]
        try await withBeanstalkd {
            try await Peers.expect(.protocolViolation, replies: 1, of: commands, to: script, then: $0)
        }
    }

    @Test func `a reply too many ends the connection, after the ones asked for`() async throws {
        try await withBeanstalkd { real in
            let scripts: [[Step]] = [[.hear("peek-ready"), .say("NOT_FOUND\r\nNOT_FOUND\r\n")]]
            try await HostileServer.running(scripts, inFrontOf: real.port) { server in
                let connection = Peers.connection(to: server)
                let outcome = await connection.execute([.peekReady], timeout: .seconds(60))
                #expect(outcome.failure == nil && outcome.replies == [.notFound])
                try await server.closed(1)
                try await Peers.expectWorking(connection)
                await connection.close()
            }
        }
    }

    @Test func `a reply before the first request ends the connection`() async throws {
        try await withBeanstalkd { real in
            for _ in 0..<20 {
                try await Peers.expect(.protocolViolation, of: [.peekReady], to: [.say("DELETED\r\n")], then: real)
            }
        }
    }

    @Test func `a reply on an idle connection ends it`() async throws {
        try await withBeanstalkd { real in
            let scripts: [[Step]] = [
                [
                    .hear("peek-ready"), .say("NOT_FOUND\r\n"), .hear("peek-delayed"), .say("NOT_FOUND\r\n"),
                    .say("RESERVED 1 1\r\nx\r\n"),
                ]
            ]
            try await HostileServer.running(scripts, inFrontOf: real.port) { server in
                let connection = Peers.connection(to: server)
                #expect(await connection.execute([.peekReady]).replies == [.notFound])
                #expect(await connection.execute([.peekDelayed]).replies == [.notFound])
                try await server.closed(1)
                try await Peers.expectWorking(connection)
                await connection.close()
            }
        }
    }

    @Test func `tubes chosen otherwise than asked are refused`() async throws {
        let script: [Step] = [.hear("ignore default"), .say("USING other\r\nWATCHING 2\r\nWATCHING 1\r\n")]
        let tube = try TubeName(validating: "t")
        try await withBeanstalkd {
            try await Peers.expect(.preambleRejected, of: [.peekReady], to: script, then: $0, tube: tube)
        }
    }

    @Test func `all who wait are told`() async throws {
        try await withBeanstalkd { real in
            let scripts: [[Step]] = [Array(repeating: .hear("touch "), count: 20) + [.say("rubbish\r\n")]]
            try await HostileServer.running(scripts, inFrontOf: real.port) { server in
                let connection = Peers.connection(to: server)
                await withTaskGroup(of: TransportError.Code?.self) { group in
                    for number in 1...20 as ClosedRange<UInt64> {
                        group.addTask {
                            await connection.execute([.touch(BeanstalkJobID(number))], timeout: .seconds(60)).failure?
                                .code
                        }
                    }
                    for await code in group { #expect(code == .protocolViolation) }
                }
                try await Peers.expectWorking(connection)
                await connection.close()
            }
        }
    }

    @Test func `a server that broke the protocol is left alone for a while, whatever it answered before`() async throws
    {
        let script: [Step] = [.hear("peek-ready"), .say("NOT_FOUND\r\n"), .hear("peek-ready"), .say("rubbish\r\n")]
        try await HostileServer.running([script]) { server in
            var configuration = ConnectionConfiguration()
            configuration.backoff = ExponentialBackoff(initial: .seconds(60), maximum: .seconds(60))
            let connection = Peers.connection(to: server, configuration)
            #expect(await connection.execute([.peekReady]).replies == [.notFound])
            let outcome = await connection.execute([.peekReady], timeout: .seconds(60))
            #expect(outcome.failure?.code == .protocolViolation)
            #expect(outcome.failure?.retryAfter != nil)
            let next = await connection.execute([.peekReady], timeout: .seconds(60))
            #expect(next.failure?.code == .backingOff)
            await connection.close()
        }
    }
}
