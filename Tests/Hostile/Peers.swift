import Beanstalk
import DelayQueueTestKit
import Logging
import NIOCore
import NIOPosix
import PipelinedTransport
import Testing

/// Clients of a hostile server.
enum Peers {
    static let logger: Logger = {
        var logger = Logger(label: "hostile") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .critical
        return logger
    }()

    /// For clients that log in to no server.
    static var openRedis: RedisOptions {
        var options = RedisOptions()
        options.password = nil
        return options
    }

    /// Tries again at once: tests wait for it.
    static var soon: ConnectionConfiguration {
        var configuration = ConnectionConfiguration()
        configuration.connectTimeout = .seconds(20)
        configuration.backoff = ExponentialBackoff(initial: .milliseconds(1), maximum: .milliseconds(5))
        return configuration
    }

    static func connection(
        to server: HostileServer, tube: TubeName = .default, identifiesServer: Bool = false,
        _ configuration: ConnectionConfiguration = soon
    ) -> BeanstalkConnection {
        .beanstalk(
            .hostname("127.0.0.1", port: server.port), useTube: tube, watchTubes: [tube],
            identifiesServer: identifiesServer, configuration: configuration,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: logger)
    }

    /// Asks until the backoff is over; the answers are then those of a real server.
    static func expectWorking(
        _ connection: BeanstalkConnection, _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let put = BeanstalkCommand.put(ByteBuffer(string: "x"), priority: 0, delay: 0, timeToRun: 60)
        var outcome = await connection.execute([put, .reserve], timeout: .seconds(60))
        while outcome.failure?.code == .backingOff {
            outcome = await connection.execute([put, .reserve], timeout: .seconds(60))
        }
        #expect(outcome.failure == nil, sourceLocation: location)
        #expect(outcome.replies.map(\.word) == ["INSERTED", "RESERVED"], sourceLocation: location)
    }

    /// Sends commands to a server that answers by the script; they must fail with the code, the server be hung up on,
    /// and the same connection work once the server does.
    static func expect(
        _ code: TransportError.Code, replies: Int = 0, of commands: [BeanstalkCommand], to script: [HostileServer.Step],
        then real: BeanstalkdServer, tube: TubeName = .default, identifiesServer: Bool = false, _ name: String = ""
    ) async throws {
        try await HostileServer.running([script], inFrontOf: real.port) { server in
            let connection = connection(to: server, tube: tube, identifiesServer: identifiesServer)
            let outcome = await connection.execute(commands, timeout: .seconds(60))
            #expect(outcome.failure?.code == code, "\(name.debugDescription)")
            #expect(outcome.replies.count == replies, "\(name.debugDescription)")
            try await server.closed(1)
            try await expectWorking(connection)
            #expect(server.accepted == 2, "\(name.debugDescription)")
            await connection.close()
        }
    }
}

extension [HostileServer.Step] {
    /// What a server says to producers and consumers that ask who it is, before anything else on a connection.
    static var identification: [HostileServer.Step] { [.hear("stats"), .say(statistics("id: 0123456789abcdef\n"))] }

    /// What it says to a consumer of the tube `default`, on its main connection or its side one.
    static var greeting: [HostileServer.Step] {
        let tube = "default.standby\r\n"
        return [.answerFirst([("watch " + tube, "WATCHING 2\r\n"), ("use " + tube, "USING " + tube)])] + identification
            + [.hear("list-tube-used\r\n"), .say("USING default\r\n")]
    }

    static func statistics(_ lines: String) -> String { "OK \(lines.utf8.count + 4)\r\n---\n\(lines)\r\n" }
}
