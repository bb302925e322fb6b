import CommandSupport
import DelayQueue

/// The jobs of a file given to a demo.
struct DemoFile {
    private(set) var jobs: [JobSpecification] = []
    /// Lines that are no jobs; each was reported.
    private(set) var refused = 0

    /// The first job is due no sooner than this after the file was read.
    private static let lead = Duration.milliseconds(1500)

    /// - Throws: `CommandError` where the file cannot be read.
    init(path: String) async throws {
        var file = try JobFile(path: path)
        while let entries = try await file.next() {
            for entry in entries {
                switch entry.job {
                case .success(let job): jobs.append(job)
                case .failure(let problem):
                    refused += 1
                    StandardStream.error.note("line \(entry.number): refused: \(problem)")
                }
            }
        }
    }

    /// Moves all dates by the same length of time where one is past, or so near that it would be by the time it is
    /// scheduled: the file may have been made a while ago.
    ///
    /// - Returns: by how much; nil where nothing was moved.
    mutating func moveIntoFuture(now: Timestamp) -> Duration? {
        let dates = jobs.compactMap { job -> Timestamp? in if case .at(let date) = job.time { date } else { nil } }
        guard let first = dates.min() else { return nil }
        let shift = first.duration(to: now + Self.lead)
        guard shift > .zero else { return nil }
        for index in jobs.indices {
            if case .at(let date) = jobs[index].time { jobs[index].time = .at(date + shift) }
        }
        return shift
    }
}
