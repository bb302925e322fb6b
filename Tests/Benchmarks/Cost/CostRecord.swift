import Foundation

/// The costs that later ones are compared with; kept in a file with the sources.
struct CostRecord: Codable, Equatable, Sendable {
    /// What they were counted with. Other compilers and processors make other programs of the same sources.
    var system: String
    var jobs: [String: Cost]

    init(system: String, jobs: [String: Cost]) {
        self.system = system
        self.jobs = jobs
    }

    init(contentsOf path: String) throws {
        do {
            self = try JSONDecoder().decode(CostRecord.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw CostFailure("\(path) cannot be read: \(error.localizedDescription)")
        }
    }

    /// Writes it so that changes show line by line.
    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        var record = self
        for (name, cost) in jobs {
            var rounded = cost
            for figure in Cost.figures() {
                // Adding zero makes a zero of a negative one.
                rounded[keyPath: figure.path] = (cost[keyPath: figure.path] * 100).rounded() / 100 + 0
            }
            record.jobs[name] = rounded
        }
        do {
            try (encoder.encode(record) + Data("\n".utf8)).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw CostFailure("\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    /// A line for each figure that is worse than recorded, and a remark for each that is better.
    func judge(_ costs: [String: Cost]) -> (regresses: [String], remarks: [String]) {
        var regresses: [String] = []
        var remarks: [String] = []
        for (name, cost) in costs.sorted(by: { $0.key < $1.key }) {
            guard let record = jobs[name] else {
                regresses.append("\(name): nothing is recorded; ./dev bench --record writes it")
                continue
            }
            let isSteady = Work(name: name)?.isSteady ?? false
            for figure in cost.regresses(from: record, isSteady: isSteady) {
                regresses.append(
                    Self.line(name, figure, cost, record) + ", allowed is +\(Int(figure.tolerance * 100)) %")
            }
            for figure in cost.improvements(on: record, isSteady: isSteady) {
                remarks.append(Self.line(name, figure, cost, record) + ": better; ./dev bench --record holds on to it")
            }
        }
        if let line = Self.judgeTypes(costs) { regresses.append(line) }
        return (regresses, remarks)
    }

    /// How much more a worker's handler of a type may take than a plain one that decodes the same jobs itself.
    private static let toleratedForTypes = 0.1

    /// - Returns: a line where both were counted, and types cost more than that.
    private static func judgeTypes(_ costs: [String: Cost]) -> String? {
        let (typed, plain) = (Work.typed.name, Work.decoding.name)
        guard let cost = costs[typed]?.instructions, let least = costs[plain]?.instructions,
            cost > least * (1 + toleratedForTypes)
        else { return nil }
        return "\(typed): \(text(cost)) instructions a job, and \(text(least)) in \(plain) "
            + "(+\(Int(((cost / least - 1) * 100).rounded())) %), allowed is +\(Int(toleratedForTypes * 100)) %"
    }

    private static func line(_ name: String, _ figure: Cost.Figure, _ cost: Cost, _ record: Cost) -> String {
        let was = record[keyPath: figure.path]
        let now = cost[keyPath: figure.path]
        let change = was > 0 ? " (\(now < was ? "" : "+")\(Int(((now / was - 1) * 100).rounded())) %)" : ""
        return "\(name): \(text(now)) \(figure.name) a job, recorded \(text(was))\(change)"
    }

    static func text(_ number: Double) -> String {
        number >= 1_000 ? "\(Int(number.rounded()))" : "\((number * 100).rounded() / 100)"
    }
}
