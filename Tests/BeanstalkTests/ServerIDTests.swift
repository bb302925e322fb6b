import Logging
import NIOCore
import PipelinedTransport
import Testing

@testable import Beanstalk

@Suite(.timeLimit(.minutes(4))) struct ServerIDTests {
    @Test func `16 lower-case hexadecimal digits and nothing else`() {
        #expect(ServerID("0123456789abcdef")?.rawValue == 0x0123_4567_89ab_cdef)
        #expect(ServerID("ffffffffffffffff")?.description == "ffffffffffffffff")
        #expect(ServerID(7).description == "0000000000000007")
        for text in [
            "", "7", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcde ", "+123456789abcdef",
        ] {
            #expect(ServerID(text) == nil)
        }
    }

    @Test func `connections are the same when their numbers are, whatever is known of the server`() {
        let plain = ConnectionGeneration(1)
        let known = ConnectionGeneration(1, serverID: ServerID(7))
        #expect(plain == known && plain.hashValue == known.hashValue && !(plain < known))
        #expect(known < ConnectionGeneration(2) && known != ConnectionGeneration(2, serverID: ServerID(7)))
        #expect(plain.serverID == nil && known.serverID == ServerID(7))
    }

    @Test func `a connection that asks knows the process at its other end, and asks again each time`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server, identifiesServer: true)
            #expect(await connection.status.generation.serverID == nil)
            let first = await connection.execute([.stats])
            let id = try #require(first.generation.serverID)
            #expect(try await connection.stats().id == id.description)
            #expect(await connection.status.generation.serverID == id)
            // What is bound to it goes on to work, whoever made the generation.
            let bound = await connection.execute([.peekReady], generation: ConnectionGeneration(1))
            #expect(bound.replies == [.notFound] && bound.generation.serverID == id)

            await connection.disconnect()
            let second = await connection.execute([.peekReady])
            #expect(second.generation == ConnectionGeneration(2) && second.generation.serverID == id)

            await server.kill()
            try await server.restart()
            var restarted: ConnectionGeneration?
            try await until {
                let outcome = await connection.execute([.peekReady])
                if outcome.failure != nil {
                    #expect(outcome.generation == second.generation || outcome.generation.serverID == nil)
                    return false
                }
                restarted = outcome.generation
                return true
            }
            #expect(restarted?.serverID != nil && restarted?.serverID != id)
        }
    }

    @Test func `a connection that does not ask knows nothing`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = connect(to: server)
            let outcome = await connection.execute([.stats])
            #expect(outcome.failure == nil && outcome.generation.serverID == nil)
        }
    }

    @Test func `the limit of job bodies is not that of the statistics a connection begins with`() async throws {
        try await BeanstalkdProcess.running { server in
            let connection = BeanstalkConnection.beanstalk(
                server.address, identifiesServer: true, maximumBodySize: 10,
                eventLoop: connect(to: server).eventLoop, logger: Logger(label: "test"))
            #expect(await connection.execute([.peekReady]).replies == [.notFound])
            #expect(await connection.execute([.stats]).failure?.code == .protocolViolation)
        }
    }

    // MARK: What a connection begins with

    private static func opening(
        use: String = "default", watch: [String] = ["default"], identifiesServer: Bool = false
    ) throws -> ConnectionPreamble<BeanstalkReply> {
        .opening(
            use: try TubeName(validating: use), watch: try watch.map { try TubeName(validating: $0) },
            identifiesServer: identifiesServer)
    }

    private static func text(_ preamble: ConnectionPreamble<BeanstalkReply>) -> String {
        String(buffer: preamble.bytes)
    }

    @Test func `tubes and the question go out together, and only what is needed`() throws {
        #expect(try Self.text(Self.opening()) == "")
        #expect(try Self.text(Self.opening(watch: [])) == "")
        #expect(try Self.text(Self.opening(identifiesServer: true)) == "stats\r\n")
        let both = try Self.opening(use: "a", watch: ["b", "c", "b"], identifiesServer: true)
        #expect(Self.text(both) == "use a\r\nwatch b\r\nwatch c\r\nignore default\r\nstats\r\n")
        #expect(both.count == 5)
        let replies: [BeanstalkReply] = [
            .using(try TubeName(validating: "a")), .watching(2), .watching(3), .watching(2),
            .ok(ByteBuffer(string: "---\nid: 000000000000002a\n")),
        ]
        #expect(try both.verify(replies) == 42)
        #expect(throws: BeanstalkError.self) { try both.verify(replies.dropLast() + [.unknownCommand]) }
        #expect(throws: BeanstalkError.self) { try both.verify([.notFound] + replies.dropFirst()) }
        #expect(try Self.text(Self.opening(watch: ["b", "default"])) == "watch b\r\n")
    }

    @Test func `several tubes can be watched`() async throws {
        try await BeanstalkdProcess.running { server in
            let tubes = try ["b", "c"].map { try TubeName(validating: $0) }
            let connection = connect(to: server, watchTubes: tubes, identifiesServer: true)
            #expect(Set(try await connection.listTubesWatched()) == Set(tubes))
            for tube in tubes {
                let id = try await connect(to: server, useTube: tube).put("x")
                #expect(try await connection.reserve().id == id)
            }
        }
    }
}
