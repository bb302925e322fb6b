import ArgumentParser
import CommandSupport
import DelayQueue
import Foundation

struct AsideCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "aside",
        abstract: "List copies that were put aside: buried on their nodes.",
        discussion: """
            Each with its kind: foreign (no record of this tool or go-queue), unverified (nothing proves that a producer \
            wrote it), oversized (larger than --max-record), late (older than ledger records last) or job (like any \
            other; a person buried it, or its node was out of memory). Dead jobs are not among them: see 'dq dead'. \
            Nothing is changed. kick-job and delete of beanstalkd's protocol decide about one: the line has its node and \
            number.
            """)

    @Option(help: ArgumentHelp("Print so many at most.", valueName: "n"))
    var limit = 1000

    @Flag(
        help:
            "Print JSON, an object a copy: node, tube, job, kind, problem, id, fireDate, size, record or recordBase64.")
    var json = false

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        if limit < 1 { throw ValidationError("--limit must be at least 1.") }
        try Operating.validate(cluster)
    }

    func run() async throws {
        let (limit, json) = (limit, json)
        try await Operating.withOperations(cluster) { operations in
            let progress = SearchProgress()
            defer { StandardStream.error.endProgress() }
            let aside = try await operations.copiesAside(limit: limit, progress: progress.show)
            SearchProgress.note(aside.nodes)
            if aside.isLimited { StandardStream.error.note("there are more; --limit shows them") }
            for copy in aside.copies {
                try await StandardStream.output.write(json ? Self.object(copy).line : Self.line(copy))
            }
            if aside.nodes.contains(where: { $0.problem != nil }) { throw ExitCode.failure }
        }
    }

    private static func line(_ copy: CopyAside) -> String {
        var parts = [
            PrintableText.line(copy.node.address.description), "tube \(copy.tube)", "job \(copy.id)",
            copy.kind.description,
        ]
        if let id = copy.jobID { parts.append(id.description) }
        if let date = copy.fireDate { parts.append("due \(DateText.string(of: date))") }
        parts.append("\(copy.size) bytes")
        if let problem = copy.problem { parts.append(PrintableText.line(problem)) }
        if copy.jobID == nil {
            parts.append(
                PrintableText.line(
                    String(decoding: copy.record.readableBytesView.prefix(400), as: UTF8.self), limit: 100))
        }
        return parts.joined(separator: "  ")
    }

    private static func object(_ copy: CopyAside) -> JSONObject {
        var object = JSONObject()
        object.add("node", copy.node.address.description)
        object.add("tube", copy.tube.description)
        object.add("job", copy.id.description)
        object.add("kind", copy.kind.description)
        object.add("problem", ifPresent: copy.problem)
        object.add("id", ifPresent: copy.jobID?.description)
        object.add("fireDate", ifPresent: copy.fireDate.map { DateText.string(of: $0) })
        object.add("size", copy.size)
        if let text = String(validating: copy.record.readableBytesView, as: UTF8.self) {
            object.add("record", text)
        } else {
            object.add("recordBase64", Data(copy.record.readableBytesView).base64EncodedString())
        }
        return object
    }
}
