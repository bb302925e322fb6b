import ArgumentParser
import Foundation

/// Shows in which parts of the program the instructions of a job are spent.
struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Show where the instructions of a job are spent.")

    @Option(help: "The kind of work.") var name: String
    @Option(help: "How many more jobs the long run has than the short one.") var jobs = 1_000
    @Option(help: "The program to count: this one, without the debugging information valgrind cannot read.")
    var program: String = CommandLine.arguments[0]

    /// Parts below this share are shown together.
    private static let leastShare = 0.01

    func validate() throws {
        guard Work(name: name) != nil else {
            throw ValidationError("--name is one of: \(Work.all.map(\.name).joined(separator: ", ")).")
        }
        guard jobs > 1 else { throw ValidationError("--jobs starts at 2.") }
    }

    func run() throws {
        let command = self
        guard let work = Work(name: name) else { return }
        try Blocking.run { try await command.profile(work) }
    }

    private func profile(_ work: Work) async throws {
        let (few, many) = try await Counting.with(program) { counting in
            (try await counting.run(work, jobs: jobs / 2), try await counting.run(work, jobs: jobs / 2 + jobs))
        }
        var parts: [String: Double] = [:]
        for (symbol, count) in many.instructionsByFunction {
            let share = Double(count - (few.instructionsByFunction[symbol] ?? 0)) / Double(jobs)
            parts[FunctionKind.of(symbol), default: 0] += share
        }
        let total = parts.values.reduce(0, +)
        let small = parts.filter { $0.value < total * Self.leastShare && $0.key != "other" }
        for part in small {
            parts[part.key] = nil
            parts["other", default: 0] += part.value
        }
        print("\(work.name): \(Int(total.rounded())) instructions a job")
        for (part, count) in parts.sorted(by: { $0.value > $1.value }) {
            let share = "\(Int((count / max(total, 1) * 100).rounded())) %"
            print(
                part + String(repeating: " ", count: max(26 - part.count, 1))
                    + String(repeating: " ", count: max(8 - "\(Int(count))".count, 0)) + "\(Int(count))"
                    + String(repeating: " ", count: max(7 - share.count, 0)) + share)
        }
    }
}
