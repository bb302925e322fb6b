import ArgumentParser
import Foundation

/// Counts every kind of work and compares it with the record, or makes a new record.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Count what a job costs, and compare it with the record.")

    @Option(help: "The file with the record.") var record: String
    @Flag(help: "Write the record anew instead of comparing with it.") var renew = false
    @Flag(help: "Print the costs as a JSON object.") var json = false
    @Option(help: "How often each is counted; the least counts.") var rounds = 5
    @Option(help: "How many more jobs the long run has than the short one.") var jobs = 1_000
    @Option(help: "Count only what has this in its name.") var only: String?
    @Option(help: "The program to count: this one, without the debugging information valgrind cannot read.")
    var program: String = CommandLine.arguments[0]
    @Option(help: "What it was compiled with, noted in the record.") var system = "unknown"

    func validate() throws {
        guard rounds > 0, jobs > 1 else { throw ValidationError("--rounds starts at 1, --jobs at 2.") }
        guard !renew || only == nil else { throw ValidationError("--renew is for all of them.") }
    }

    func run() throws {
        let command = self
        try Blocking.run { try await command.check() }
    }

    private func check() async throws {
        let costs = try await Counting.with(program) { try await count($0) }
        try print(costs)
        if renew {
            try CostRecord(system: system, jobs: costs).write(to: record)
            return
        }
        let known = try CostRecord(contentsOf: record)
        let (regresses, remarks) = known.judge(costs)
        for remark in remarks { note(remark) }
        guard !regresses.isEmpty else { return note("check: ok") }
        for regress in regresses { note("REGRESS  " + regress) }
        if known.system != system { note("the record was made with \(known.system), and this is \(system)") }
        throw ExitCode.failure
    }

    private func count(_ counting: Counting) async throws -> [String: Cost] {
        var few: [String: [RunCount]] = [:]
        var many: [String: [RunCount]] = [:]
        let works = Work.all.filter { work in only.map { work.name.contains($0) } ?? true }
        for round in 1...rounds {
            for work in works {
                note("counting \(work.name), \(round) of \(rounds)")
                few[work.name, default: []].append(try await counting.run(work, jobs: jobs / 2))
                many[work.name, default: []].append(try await counting.run(work, jobs: jobs / 2 + jobs))
            }
        }
        return few.reduce(into: [:]) { costs, entry in
            costs[entry.key] = RunCount.cost(
                of: jobs, from: .least(of: entry.value), to: .least(of: many[entry.key] ?? []))
        }
    }

    private func print(_ costs: [String: Cost]) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            Swift.print(String(decoding: try encoder.encode(costs), as: UTF8.self))
            return
        }
        func padded(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(width - text.count, 0)) + text
        }
        Swift.print(
            "a job of  " + String(repeating: " ", count: 14) + Cost.figures().map { padded($0.name, 14) }.joined())
        for work in Work.all {
            guard let cost = costs[work.name] else { continue }
            let cells = Cost.figures().map { padded(CostRecord.text(cost[keyPath: $0.path]), 14) }
            Swift.print(work.name + String(repeating: " ", count: 24 - work.name.count) + cells.joined())
        }
    }

    private func note(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}
