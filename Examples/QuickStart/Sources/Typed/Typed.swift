import DelayQueue
import DelayQueueJobs
import Foundation

/// A kind of job. Its name travels with each, so keep it when the type is renamed.
struct Greet: TypedJob {
    static let jobName = "greet"
    let name: String
}

/// Both halves in one program: schedules typed jobs, handles them, and keeps a schedule going.
@main
struct Typed {
    static func main() async throws {
        let address =
            ProcessInfo.processInfo.environment["DQ_QUEUE"]
            ?? "dq://127.0.0.1:11300,127.0.0.1:11301/quick-start-typed?ledger=redis://127.0.0.1:6379"
        let queue = try JobQueue(address)

        var worker = Worker(queue)
        try worker.handle(Greet.self) { job, context in
            print("hello \(job.name),", context.lateness, "after its time, attempt", context.attempt)
            fflush(nil)  // shows it at once, also where the output is a pipe or a file
            // The first attempt for Bob fails, and is tried again after a second.
            if job.name == "Bob", context.failures == 0 { throw JobVerdict.retry(after: .seconds(1)) }
        }
        try worker.schedule(JobSchedule("every-five-seconds", .every(.seconds(5)), Greet(name: "schedule")))

        for name in ["Ann", "Bob", "Cleo"] {
            let receipt = try await queue.schedule(Greet(name: name), after: .seconds(3))
            print("scheduled \(name) for \(receipt.fireDate)")
        }

        // Runs until interrupted.
        try await worker.run()
    }
}
