import ArgumentParser
import CommandSupport
import DelayQueue
import Foundation

struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Schedule many jobs from a file, a JSON object a line.",
        discussion: """
            The fields are at (ISO 8601, or @ and unix seconds) or in (a duration), body or bodyBase64, and where \
            wanted id, replace and headers. With --redis a file whose jobs have ids can be loaded again, after a failure or \
            not: what waits already is counted as scheduled before, and gets no more copies. With "replace": true a job \
            takes the place of one that waits under its id; else another time or body is refused.

            Each refused job is a line on standard error, with its line number; the exit code is then 1. It does not run, \
            unless its line says that it may still fire, or has run. With --json a job \
            whose receipt cannot be written, as nobody reads any more or the disk is full, is taken back; or its receipt \
            is on standard error, as is that of a job with an id, which can be loaded again.
            """)

    @Argument(help: ArgumentHelp("The file; - reads standard input.", valueName: "file.jsonl"))
    var file: String

    @OptionGroup var job: JobArguments

    @Flag(help: "Print a receipt a job as JSON: receipt, id, fireDate, copies, and scheduledBefore where that is so.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Write the receipt of each job to a new file, one a line, as 'dq revoke -' reads them.", valueName: "file"))
    var receipts: String?

    @Option(
        help: ArgumentHelp(
            "Write the lines of refused jobs to a new file, to be mended or loaded again.",
            discussion: """
                Left out are jobs without an id that may still fire, or have run: loaded again they would be second jobs. Where \
                loading stops, the line at which it did is told; those behind it are in neither file.
                """, valueName: "file"))
    var refused: String?

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        try cluster.validateForProducing()
    }

    func run() async throws {
        let (json, path, options, receipts, refused) = (json, file, job.options, receipts, refused)
        try await Scheduling.withProducer(cluster, copyMode: try job.copies.mode()) { producer in
            var file = try JobFile(path: path)
            let receiptFile = try receipts.map { try NewFile(creating: $0) }
            let refusedFile = try refused.map { try NewFile(creating: $0) }
            var loader = Loader(
                producer: producer, options: options, refused: refusedFile.map { file in { try file.write($0) } }
            ) { _, receipt in
                try receiptFile?.write(Data(receipt.description.utf8))
                guard json else { return }
                try await StandardStream.output.tell(ReceiptText(receipt: receipt).json, within: Producer.endingLimit)
            }
            // Receipts and progress would fight for one terminal.
            let showsProgress = !(json && StandardStream.output.isTerminal)
            let start = ContinuousClock.now
            let result: Result<Void, any Error>
            do {
                try await loader.load(&file) { file, tally in
                    guard showsProgress else { return }
                    let bar = file.size.map { ProgressBar.text(file.bytesRead, of: $0) + "  " } ?? ""
                    StandardStream.error.showProgress(bar + "\(tally)")
                }
                result = .success(())
            } catch {
                result = .failure(error)
            }
            StandardStream.error.endProgress()
            let summary = "\(loader.tally) in \((ContinuousClock.now - start).secondsText) s"
            // After a failure the summary still tells how far it got.
            do {
                if json {
                    StandardStream.error.note(summary)
                } else {
                    try await StandardStream.output.tell(summary, within: Producer.endingLimit)
                }
                try result.get()
            } catch let failure as StreamFailure {
                if !json { StandardStream.error.note(summary) }
                // Also where the reader has gone: it has not seen all of what was done.
                throw CommandError("\(failure)")
            }
            if loader.tally.refused > 0 { throw ExitCode.failure }
        }
    }
}
