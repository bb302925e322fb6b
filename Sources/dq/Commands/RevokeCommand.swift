import ArgumentParser
import Beanstalk
import CommandSupport
import DelayQueue
import Foundation

struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Take a job, or many, back before they run, and print what became of each.",
        discussion: """
            Prints revoked, alreadyRunning, alreadyDone, incomplete or unknown; the exit code is 0 for revoked and 1 for \
            the others. incomplete means that without --redis nothing forbids the job, and a copy was out of reach: it \
            may still run. unknown means that the ledger knows no job of that id.

            With a receipt the nodes are those named in it. With --id the job is taken back that an id of your own \
            means at present, whoever scheduled it; that takes --redis, and the tube where it is not the default.

            With - receipts, or ids of your own, are read from standard input, one a line, and the id and the outcome \
            of each is printed; that takes --nodes and --redis. Copies on other nodes are left there, and do not run. What \
            is no receipt or id is told on standard error with its line. The exit code is 0 where all were revoked. After an \
            interruption those that were begun are told of, and the rest is as it was.
            """)

    @Argument(
        help: ArgumentHelp("What 'dq at' or 'dq in' printed; - reads many from standard input.", valueName: "receipt"),
        transform: { text throws(DelayQueueError) in try Sought(text) })
    var sought: Sought?

    enum Sought {
        case receipt(Receipt)
        case standardInput

        init(_ text: String) throws(DelayQueueError) {
            self = text == "-" ? .standardInput : .receipt(try Receipt(parsing: text))
        }
    }

    @Option(
        help: "The id that was given with --id, instead of a receipt.",
        transform: { text throws(DelayQueueError) in try JobID(text) })
    var id: JobID?

    @Flag(help: "Print JSON: id, outcome.")
    var json = false

    private var receipt: Receipt? { if case .receipt(let receipt) = sought { receipt } else { nil } }

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        guard (sought == nil) != (id == nil) else {
            throw ValidationError("give a receipt, or --id and an id of your own, or - to read many")
        }
        if case .standardInput = sought {
            try Operating.validate(cluster)
            return
        }
        guard try cluster.resolvedRedisURL() != nil || id == nil else {
            throw ValidationError("--id needs --redis: only the ledger knows which job an id means")
        }
        if let receipt, receipt.placements.isEmpty {
            guard try cluster.resolvedRedisURL() != nil else {
                throw ValidationError(
                    "the receipt names no copies, as the job had been scheduled before: give --redis, which knows the job"
                )
            }
        }
    }

    func run() async throws {
        let json = json
        if case .standardInput = sought {
            try await Scheduling.withProducer(cluster) { try await Self.revokeMany(Revoker($0, json: json)) }
        } else if let receipt {
            var nodes: [BeanstalkNode] = []
            for placement in receipt.placements where !nodes.contains(placement.node) { nodes.append(placement.node) }
            // A receipt of a job that was scheduled before names no nodes, and the ledger's word is enough.
            try await Scheduling.withProducer(
                cluster, nodes: nodes.isEmpty ? nil : nodes, queue: receipt.queue.rawValue
            ) { try await Self.tell(try await $0.revoke(receipt), receipt.jobID, json: json) }
        } else if let id {
            try await Scheduling.withProducer(cluster) {
                try await Self.tell(try await $0.revoke(id), id, json: json)
            }
        }
    }

    /// A receipt names 64 copies at most, each on a host of 255 bytes at most, which may be escaped.
    private static let longestLine = 1 << 17

    private static func revokeMany(_ revoker: Revoker) async throws {
        let source = try ByteSource(path: "-")
        var splitter = LineSplitter(maximumLength: longestLine)
        var (revoked, others) = (0, 0)
        var hasEnded = false
        let result: Result<Void, any Error>
        do {
            while !hasEnded {
                let piece = try await source.next(atMost: 1 << 20)
                hasEnded = piece.isEmpty
                var jobs: [Revoker.Job] = []
                for line in hasEnded ? splitter.finish().map({ [$0] }) ?? [] : splitter.feed(piece) {
                    switch job(line) {
                    case .success(let job?): jobs.append(job)
                    case .success(nil): break
                    case .failure(let problem):
                        others += 1
                        StandardStream.error.note("line \(line.number): \(PrintableText.line("\(problem)"))")
                    }
                }
                for start in stride(from: 0, to: jobs.count, by: Revoker.batchSize) {
                    let batch = Array(jobs[start..<min(start + Revoker.batchSize, jobs.count)])
                    for outcome in try await revoker.revoke(batch) {
                        if outcome.isRevoked { revoked += 1 } else { others += 1 }
                    }
                    try Task.checkCancellation()
                }
                StandardStream.error.showProgress("\(revoked) revoked, \(others) not")
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        StandardStream.error.endProgress()
        StandardStream.error.note("\(revoked) revoked, \(others) not")
        try result.get()
        if others > 0 { throw ExitCode.failure }
    }

    /// - Returns: nil for a blank line.
    private static func job(_ line: LineSplitter.Line) -> Result<Revoker.Job?, InvalidText> {
        guard let bytes = line.bytes else { return .failure(InvalidText("it is too long to be a receipt")) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return .failure(InvalidText("it is no text, and so neither a receipt nor an id"))
        }
        let word = text.trimmingCharacters(in: .whitespaces)
        guard !word.isEmpty else { return .success(nil) }
        do throws(DelayQueueError) {
            return .success(try Revoker.Job(word))
        } catch {
            return .failure(InvalidText(error.message))
        }
    }

    private static func tell(_ outcome: RevokeOutcome, _ id: JobID, json: Bool) async throws {
        var object = JSONObject()
        object.add("id", id.description)
        object.add("outcome", outcome.description)
        do {
            try await StandardStream.output.tell(
                json ? object.line : outcome.description, within: Producer.endingLimit)
        } catch {
            StandardStream.error.note(outcome.description)
            throw CommandError("\(error)")
        }
        if outcome != .revoked { throw ExitCode.failure }
    }
}
