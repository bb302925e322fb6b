import Beanstalk
import DelayQueueTestKit
import Foundation
import NIOCore

/// A throwaway beanstalkd, as these tests speak of it.
final class BeanstalkdProcess: Sendable {
    private let server: BeanstalkdServer

    var port: Int { server.port }

    var address: ServerAddress { .hostname("127.0.0.1", port: port) }

    /// Runs `body` with a server of its own, and ends the server.
    static func running<Result>(
        _ body: (BeanstalkdProcess) async throws -> Result
    ) async throws -> Result {
        try await withBeanstalkd { try await body(BeanstalkdProcess($0)) }
    }

    /// A port nobody listens on, below those that the system gives to clients: a client that calls a dead port of that
    /// range again and again can reach itself.
    static func freePort() -> Int {
        while true {
            let port = Int.random(in: 10_240..<32_768)
            if PortReservation.isFree(port) { return port }
        }
    }

    private init(_ server: BeanstalkdServer) {
        self.server = server
    }

    func signal(_ number: Int32) async {
        guard let identifier = await server.processID else { return }
        Foundation.kill(identifier, number)
    }

    /// Ends the server as a crash would, and returns once it is gone.
    func kill() async { await server.kill() }

    /// Starts it again on its port, without its jobs.
    func restart() async throws { try await server.restart() }
}
