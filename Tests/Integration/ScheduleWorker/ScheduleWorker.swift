import DelayQueue
import DelayQueueJobs
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// A service with a tick each second, for tests that kill it: it tells of each run of a tick, by its id and attempt.
@main
struct ScheduleWorker {
    struct Tick: TypedJob {
        static let jobName = "tick"
    }

    struct Misuse: Error, CustomStringConvertible {
        let description = "usage: schedule-worker dq://node1,node2/name?ledger=redis://host"
    }

    static func main() async throws {
        guard CommandLine.arguments.count == 2 else { throw Misuse() }
        var logger = Logger(label: "schedule-worker") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        var configuration = JobQueueConfiguration()
        // So soon what a killed process held runs elsewhere.
        configuration.timing.lease = .seconds(5)
        let queue = try JobQueue(CommandLine.arguments[1], configuration: configuration, logger: logger)
        var settings = WorkerConfiguration()
        settings.logger = logger
        var worker = Worker(queue, configuration: settings)
        try worker.handle(Tick.self) { _, context in
            try FileHandle.standardOutput.write(contentsOf: Data("\(context.id) \(context.attempt)\n".utf8))
        }
        var options = JobScheduleOptions()
        options.missedTicks = .runAll
        try worker.schedule(JobSchedule("each-second", .every(.seconds(1)), Tick(), options: options))
        try await ServiceGroup(
            services: [queue, worker], gracefulShutdownSignals: [.sigterm], logger: logger
        ).run()
    }
}
