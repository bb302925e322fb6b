import DelayQueueTestKit
import Foundation
import Subprocess
import TestSupport
import Testing

/// Jobs whose commands kill the worker that runs them, and all that run beside them.
@Suite(.serialized, .timeLimit(.minutes(6))) struct PoisonTests {
    /// A folder in which each command notes that it has begun, and that it has ended.
    private struct Notes {
        let folder: URL

        init() throws {
            folder = FileManager.default.temporaryDirectory.appending(path: "poison-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }

        func remove() { try? FileManager.default.removeItem(at: folder) }

        /// How often each job began, or ended.
        func count(_ name: String) throws -> [String: Int] {
            guard let text = try? String(contentsOf: folder.appending(path: name), encoding: .utf8) else { return [:] }
            return Dictionary(grouping: text.split(separator: "\n").map(String.init)) { $0 }.mapValues(\.count)
        }

        /// Jobs whose ids begin with `poison` kill their worker after half a second; others work for a while.
        func command(good seconds: Double) -> String {
            """
            echo $DQ_JOB_ID >>'\(folder.path)/begun'
            case $DQ_JOB_ID in
            poison*) sleep 0.5; kill -9 $PPID ;;
            *) sleep \(seconds); echo $DQ_JOB_ID >>'\(folder.path)/ended' ;;
            esac
            """
        }
    }

    /// Starts workers again as often as they are killed, until the queue is empty.
    ///
    /// - Returns: how many were killed.
    private func work(_ tool: Tool, places: Int, _ command: String) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<places {
                group.addTask {
                    for killed in 0... {
                        let outcome = try await tool.run("consume", "--lease", "1", "--until-empty", "--exec", command)
                        switch outcome.status {
                        case .signaled(9): continue
                        case .exited(0): return killed
                        default:
                            Issue.record("\(outcome.status): \(outcome.errors)")
                            return killed
                        }
                    }
                    return 0
                }
            }
            return try await group.reduce(0, +)
        }
    }

    private func schedule(_ ids: [String], with tool: Tool) async throws {
        let lines = ids.map { #"{"id": "\#($0)", "in": "1s", "body": "x"}"# }
        let outcome = try await tool.run(
            ["load", "-", "--ttr", "10"], input: Array(lines.joined(separator: "\n").utf8))
        try #require(outcome.status == .exited(0), "\(outcome.errors)")
    }

    @Test(arguments: [(poison: 1, good: 5, seconds: 2.0, places: 1), (2, 20, 0.3, 2)])
    func onlyThePoisonIsGivenUp(_ poison: Int, _ good: Int, _ seconds: Double, _ places: Int) async throws {
        let notes = try Notes()
        defer { notes.remove() }
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            let bad = (0..<poison).map { "poison\($0)" }
            let innocent = (0..<good).map { "good\($0)" }
            try await schedule(bad + innocent, with: tool)
            let killed = try await work(tool, places: places, notes.command(good: seconds))

            let begun = try notes.count("begun")
            let ended = try notes.count("ended")
            for id in innocent {
                #expect((1...3).contains(begun[id] ?? 0), "\(id) began \(begun[id] ?? 0) times")
                #expect(ended[id] ?? 0 >= 1, "\(id)")
            }
            // Two beside others, and three alone; one fewer where two of them met in one worker, which either killed.
            for id in bad { #expect((4...6).contains(begun[id] ?? 0), "\(id) began \(begun[id] ?? 0) times") }
            #expect(killed >= 3 * poison)

            let dead = try await tool.run("dead", "--json").objects()
            #expect(try dead.map { try $0.text("id") }.sorted() == bad.sorted())
            for job in dead {
                #expect(try job.text("reason") == "3 leases ended while it ran alone in its process")
                #expect(try job.number("failures") == 0)
                #expect(try job.number("endedLeases") >= 5)
                #expect(try job.number("endedAlone") == 3)
            }
        }
    }
}
