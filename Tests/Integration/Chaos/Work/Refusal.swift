import Foundation

/// What `dq` says of a job it could not schedule.
struct Refusal {
    /// A copy may be left that nothing forbids to run, or a consumer had one.
    let mayStillRun: Bool

    init(message: some StringProtocol) {
        mayStillRun = ["the job may still fire", "the job may have run", "the job has run"].contains {
            message.contains($0)
        }
    }

    /// Those of `dq load`, `line 3: refused: …`, by the number of the line.
    static func byLine(in errors: String) -> [Int: Refusal] {
        var refusals: [Int: Refusal] = [:]
        for line in errors.split(separator: "\n") {
            guard let start = line.range(of: "line "), let end = line.range(of: ": refused: "),
                start.upperBound <= end.lowerBound, let number = Int(line[start.upperBound..<end.lowerBound])
            else { continue }
            refusals[number] = Refusal(message: line[end.upperBound...])
        }
        return refusals
    }
}
