import ArgumentParser
import Foundation
import NIOPosix

/// Does one kind of work in this process. What runs under valgrind.
struct WorkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "Do one kind of work and end.", shouldDisplay: false)

    @Option var name: String
    @Option var jobs: Int
    @Option var nodes: String
    @Option var tube: String

    func run() throws {
        // The end of the input ends a consumer.
        let told: @Sendable () async throws -> Void = {
            try await NIOThreadPool.singleton.runIfActive { while readLine() != nil {} }
        }
        guard let work = Work(name: name) else { throw ValidationError("--name is \(name).") }
        guard let redis = ProcessInfo.processInfo.environment["DQ_REDIS"] else { throw ValidationError("No DQ_REDIS.") }
        let place = try Place(
            addresses: nodes.split(separator: ",").map { String($0) }, tube: tube, redisURL: redis)
        try Blocking.run { [jobs] in try await work.perform(jobs: jobs, on: place, until: told) }
    }
}
