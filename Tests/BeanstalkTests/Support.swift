import Beanstalk
import Logging
import NIOCore
import NIOPosix

/// A connection for tests, on a loop of the shared group.
func connect(
    to server: BeanstalkdProcess, useTube: TubeName = .default, watchTubes: [TubeName] = [.default],
    identifiesServer: Bool = false
) -> BeanstalkConnection {
    connect(to: server.address, useTube: useTube, watchTubes: watchTubes, identifiesServer: identifiesServer)
}

func connect(
    to address: ServerAddress,
    useTube: TubeName = .default,
    watchTubes: [TubeName] = [.default],
    identifiesServer: Bool = false,
    configuration: ConnectionConfiguration = .init()
) -> BeanstalkConnection {
    .beanstalk(
        address, useTube: useTube, watchTubes: watchTubes, identifiesServer: identifiesServer,
        configuration: configuration,
        eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
}

extension BeanstalkConnection {
    func put(_ text: String, delay: UInt32 = 0, timeToRun: UInt32 = 60) async throws(BeanstalkError) -> BeanstalkJobID {
        try await put(ByteBuffer(string: text), priority: 100, delay: delay, timeToRun: timeToRun)
    }
}

/// Asks again until the answer is yes; the suite's time limit ends it otherwise.
func until(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try Task.checkCancellation() }
}

/// The error a command ends with.
func error(_ body: () async throws -> some Sendable) async -> BeanstalkError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? BeanstalkError
    }
}
