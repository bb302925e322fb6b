package import DelayQueue
package import Foundation
import NIOCore

/// Schedules the jobs of a file, batch by batch, and reports each that is refused.
package struct Loader {
    /// What became of the jobs so far.
    package struct Tally: Hashable {
        package var scheduled = 0
        package var refused = 0
        /// Accepted, and revoked as nobody could be told.
        var takenBack = 0
        /// With the same id and content as a job that waits: nothing was written.
        var scheduledBefore = 0
        /// Done, revoked or dead since an earlier run.
        var finished = 0
    }

    private static let batchSize = 256
    private static let batchBytes = 4 << 20

    private let producer: Producer
    private let options: JobOptions
    /// Called with each job that was accepted. Where it throws, that job and the accepted ones behind it are taken back.
    private let accepted: (JobSpecification, Receipt) async throws -> Void
    /// Called with the line of each job that was refused and may be scheduled again.
    private let refused: ((Data) throws -> Void)?

    package private(set) var tally = Tally()
    private var batch: [(number: Int, job: JobSpecification, line: Data?)] = []
    private var batchedBytes = 0

    package init(
        producer: Producer, options: JobOptions, refused: ((Data) throws -> Void)? = nil,
        accepted: @escaping (JobSpecification, Receipt) async throws -> Void
    ) {
        self.refused = refused
        self.producer = producer
        self.options = options
        self.accepted = accepted
    }

    /// Loads a whole file.
    ///
    /// - Parameter progress: called after each piece.
    /// - Throws: `CommandError` where the file cannot be read, or the nodes cannot be reached; `CancellationError`;
    ///   what `accepted` and `refused` throw.
    package mutating func load(_ file: inout JobFile, progress: (JobFile, Tally) -> Void = { _, _ in }) async throws {
        while let entries = try await file.next() {
            for entry in entries {
                switch entry.job {
                case .success(let job): try await add(job, number: entry.number, line: entry.line)
                case .failure(let problem): try refuse(entry.number, "\(problem)", entry.line)
                }
            }
            // A slow writer's jobs are not kept waiting for a full batch.
            try await flush()
            progress(file, tally)
        }
    }

    /// Adds one job, which is scheduled by ``flush()`` at the latest.
    ///
    /// - Parameter line: as it stood in the file.
    package mutating func add(_ job: JobSpecification, number: Int, line: Data? = nil) async throws {
        batch.append((number, job, refused == nil ? nil : line))
        batchedBytes += job.body.readableBytes
        if batch.count >= Self.batchSize || batchedBytes >= Self.batchBytes { try await flush() }
    }

    /// Schedules what was added.
    package mutating func flush() async throws {
        guard !batch.isEmpty else { return }
        let jobs = batch
        batch = []
        batchedBytes = 0
        var outages = 0
        var untold: [(number: Int, receipt: Receipt)] = []
        var failure: (any Error)?
        for (entry, result) in zip(jobs, await producer.schedule(jobs.map { $0.job.request(options) })) {
            switch result {
            case .success(let receipt):
                if receipt.wasScheduledBefore { tally.scheduledBefore += 1 } else { tally.scheduled += 1 }
                do {
                    if failure == nil { try await accepted(entry.job, receipt) }
                } catch {
                    failure = error
                }
                if failure != nil, !receipt.wasScheduledBefore { untold.append((entry.number, receipt)) }
            case .failure(let error) where error.code == .jobFinished:
                tally.finished += 1
            case .failure(let error):
                if error.isRetriable { outages += 1 }
                // The same line again would be a second job where the first one may run.
                let mayComeAgain = !error.mayStillFire && !error.hasRun || entry.job.id != nil
                do {
                    try refuse(entry.number, error.forPeople, mayComeAgain ? entry.line : nil)
                } catch {
                    failure = failure ?? error
                }
            }
        }
        if let failure {
            await takeBack(untold)
            throw failure
        }
        try Task.checkCancellation()
        guard outages < jobs.count else {
            throw CommandError(
                "stopped at line \(jobs.last?.number ?? 0): none of the last \(jobs.count) jobs could be scheduled; "
                    + "jobs with an id can be loaded again and run once")
        }
    }

    private mutating func takeBack(_ untold: [(number: Int, receipt: Receipt)]) async {
        for (job, isTakenBack) in zip(untold, await producer.takeBack(untold.map(\.receipt))) {
            if isTakenBack {
                tally.scheduled -= 1
                tally.takenBack += 1
            } else {
                StandardStream.error.note("line \(job.number): scheduled: \(job.receipt)")
            }
        }
    }

    /// - Parameter line: nil where it is not to be scheduled again.
    private mutating func refuse(_ number: Int, _ reason: String, _ line: Data?) throws {
        tally.refused += 1
        StandardStream.error.note("line \(number): refused: \(PrintableText.line(reason))")
        if let line { try refused?(line) }
    }
}

extension Loader.Tally: CustomStringConvertible {
    package var description: String {
        var text = "\(scheduled) scheduled, \(refused) refused"
        if scheduledBefore > 0 { text += ", \(scheduledBefore) scheduled before" }
        if takenBack > 0 { text += ", \(takenBack) taken back" }
        if finished > 0 { text += ", \(finished) finished before" }
        return text
    }
}
