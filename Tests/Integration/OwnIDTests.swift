import DelayQueue
import Foundation
import TestSupport
import Testing

/// Many callers, one id.
@Suite(.serialized, .timeLimit(.minutes(4))) struct OwnIDTests {
    /// 200 callers of four producers schedule one id with different dates and bodies; one of them replaces whatever is
    /// there, in the midst of it. Some are cancelled.
    @Test func `of two hundred callers one has the id, and its job runs once`() async throws {
        try await Scenario.run { scenario in
            let producers = try (0..<4).map { _ in try scenario.producer(ledger: scenario.ledger) }
            let consumer = try scenario.consumer()
            try await scenario.closing(nil, consumer) {
                let start = Date()
                var options = JobOptions()
                options.id = try JobID("report")
                let outcomes = await withTaskGroup(of: (Int, Result<Receipt, DelayQueueError>).self) { group in
                    for caller in 0..<200 {
                        var options = options
                        if caller == 100 { options.idConflict = .replace }
                        group.addTask { [options] in
                            let call = Task {
                                await producers[caller % 4].schedule([
                                    JobRequest(
                                        at: start.addingTimeInterval(4 + Double(caller) / 100), "\(caller)",
                                        options: options)
                                ])[0]
                            }
                            if caller % 7 == 3 { call.cancel() }
                            return (caller, await call.value)
                        }
                    }
                    return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
                }
                let accepted = outcomes.filter { (try? $0.value.get()) != nil }.map(\.key)
                // One that was first, and the one that replaced it, or was first itself.
                #expect(accepted.contains(100) && accepted.count <= 2, "\(accepted)")
                for (caller, outcome) in outcomes {
                    guard case .failure(let error) = outcome else { continue }
                    #expect(error.code == .idTaken || error.code == .cancelled, "\(caller): \(error)")
                    #expect(!error.mayStillFire, "\(caller): \(error)")
                }
                let status = try await producers[0].status(of: try JobID("report"))
                #expect(status.state == .waiting)
                #expect(status.fireDate.map { abs($0.timeIntervalSince(start) - 5) < 0.001 } == true)
                try await producers[0].at(start.addingTimeInterval(7), "end")
                var bodies: [String] = []
                for try await job in consumer {
                    bodies.append(job.text)
                    try await job.complete()
                    if job.text == "end" { break }
                }
                #expect(bodies == ["100", "end"])
                #expect(try await producers[1].status(of: try JobID("report")).state == .done)
            }
            for producer in producers { await producer.close(within: .seconds(1)) }
            // Whatever the refused calls had written is gone.
            for node in 0..<3 { #expect(try await scenario.jobCount(on: node) == 0) }
        }
    }

    @Test func `a job is moved nearer and farther, and runs once`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let start = Date()
                var options = JobOptions(id: try JobID("alarm"), idConflict: .replace)
                for seconds in [3.0, 60, 2, 4, 3600, 1.5] {
                    try await producer.at(start.addingTimeInterval(seconds), "\(seconds)", options: options)
                }
                options.id = nil
                options.idConflict = .refuse
                try await producer.at(start.addingTimeInterval(5), "end", options: options)
                var bodies: [String] = []
                for try await job in consumer {
                    bodies.append(job.text)
                    try await job.complete()
                    if job.text == "end" { break }
                }
                #expect(bodies == ["1.5", "end"])
            }
        }
    }

    /// The caller's process dies between any two steps; another one repeats the call.
    @Test func `whatever a dead caller left, the repeated call runs once`() async throws {
        try await Scenario.run { scenario in
            let consumer = try scenario.consumer()
            try await scenario.closing(nil, consumer) {
                let date = Date().addingTimeInterval(15)
                var expected: Set<String> = []
                for round in 0..<24 {
                    let producer = try scenario.producer(ledger: scenario.ledger) {
                        $0.copyMode = round % 2 == 0 ? .standby : .together
                    }
                    let id = try JobID("round-\(round)")
                    expected.insert("\(id)")
                    let call = Task { try await producer.at(date, "\(id)", options: JobOptions(id: id)) }
                    // It gets as far as it gets.
                    try await Task.sleep(for: .microseconds(250 * round))
                    await producer.close(within: .zero)
                    _ = await call.result
                    let second = try scenario.producer(ledger: scenario.ledger)
                    let receipt = try await second.at(date, "\(id)", options: JobOptions(id: id))
                    #expect(receipt.jobID == id)
                    await second.close()
                }
                let last = try scenario.producer(ledger: scenario.ledger)
                try await last.at(date.addingTimeInterval(3), "end")
                var bodies: [String] = []
                for try await job in consumer {
                    bodies.append(job.text)
                    try await job.complete()
                    if job.text == "end" { break }
                }
                await last.close()
                #expect(Set(bodies).subtracting(["end"]) == expected)
                #expect(bodies.count == expected.count + 1, "\(bodies)")
            }
        }
    }
}
