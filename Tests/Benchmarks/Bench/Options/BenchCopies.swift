import ArgumentParser
import DelayQueue

/// Which ways of writing a job's copies are measured.
struct BenchCopies: ParsableArguments {
    enum Choice: String, CaseIterable, ExpressibleByArgument {
        case standby, together, both
    }

    @Option(
        help: ArgumentHelp(
            "How copies are written: standby, together, or both in turns, with what one is to the other.",
            valueName: "mode"))
    var copies = Choice.both

    var modes: [CopyMode] {
        switch copies {
        case .standby: [.standby]
        case .together: [.together]
        case .both: [.standby, .together]
        }
    }

    /// Makes a subject of each piece of work in each mode, those of the same work next to each other.
    ///
    /// - Parameter reference: the name of the work that others of the same mode are compared with.
    func subjects<Work>(_ works: [(name: String, work: Work)], reference: String?) -> [BenchSubject<(Work, CopyMode)>] {
        works.flatMap { name, work in
            modes.map { mode in
                BenchSubject(
                    name: Self.name(name, mode), work: (work, mode), reference: reference.map { Self.name($0, mode) })
            }
        }
    }

    /// What standby is to together, for each of these works.
    func comparisons(of works: [String]) -> [BenchReport.Comparison] {
        works.map { .init(subject: Self.name($0, .standby), other: Self.name($0, .together)) }
    }

    static func name(_ work: String, _ mode: CopyMode) -> String { "\(mode): \(work)" }
}
