import TestSupport

/// Takes jobs back with `dq revoke`, until its time is over.
struct Revoker: Sendable {
    let place: ProducerPlace
    let tool: String
    let chronicle: Chronicle
    let pool: ReceiptPool

    /// The mean time between two revocations.
    private static let pace = 500

    func run(until end: ContinuousClock.Instant, seed: UInt64, stream: Int) async throws {
        var generator = SeededGenerator(seed: seed, stream: stream)
        while ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...Self.pace * 2, using: &generator)))
            guard let receipt = await pool.take(using: &generator) else { continue }
            let ending = try await place.run([tool, "revoke", receipt.text, "--json"])
            let outcome = ending.output.split(separator: "\n").lazy
                .compactMap { JSONText.object($0)?["outcome"] as? String }
                .compactMap(Revocation.Outcome.init(rawValue:)).first
            // Answered before its process ended; a run that begins between the two is not held against anybody.
            await chronicle.add(Revocation(id: receipt.id, outcome: outcome ?? .unknown, answered: .now()))
        }
    }
}
