import DelayQueueTestKit
import Foundation
import Subprocess
import TestSupport
import Testing

/// `dq consume` ends in time, whatever is away: `--help` says within 7 seconds.
@Suite(.timeLimit(.minutes(4))) struct StoppingTests {
    private static let limit = Duration.seconds(7)

    @Test(arguments: StoppingCase.chosen)
    func aConsumerStopsInTime(_ stopping: StoppingCase) async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            let (trouble, work) = (stopping.trouble, stopping.work)
            let jobs = (0..<max(work.jobs, 1)).map { _ in #"{"in": "0s", "body": "\#(work == .idle ? "quick" : "")"}"# }
            let load = try await tool.run(["load", "-"], input: Array(jobs.joined(separator: "\n").utf8))
            try #require(load.status == .exited(0), "\(load.errors)")
            let command = """
                read -r body; echo $$; [ "$body" = quick ] && exit 0
                trap '' TERM; sleep \(work.seconds)
                """
            let arguments = ["consume", "--concurrency", "64", "--exec", command]
            let ((processes, took), status) = try await tool.start(arguments) { running in
                var processes: [Int32] = []
                for _ in jobs { processes.append(try #require(Int32(try await running.nextLine() ?? ""))) }
                try await trouble.begin(in: cluster)
                let start = ContinuousClock.now
                try running.signal(.terminate)
                try await running.untilOutputEnds()
                return (processes, ContinuousClock.now - start)
            }
            stopping.note("dq consume", took: took)
            #expect(status == .exited(0))
            #expect(took < Self.limit + StoppingCase.slack)
            for process in processes { #expect(kill(process, 0) != 0, "a command is left") }
        }
    }

    @Test(arguments: [Signal.interrupt, .terminate, .quit])
    func aSecondSignalEndsAtOnce(_ signal: Signal) async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            let arguments = ["consume", "--exec", "trap '' TERM; echo started; sleep 77"]
            let (took, status) = try await tool.start(arguments) { running in
                #expect(try await running.nextLine() == "started")
                try await StoppingTrouble.allHang.begin(in: cluster)
                try running.signal(signal)
                // The two are one where they come in the same moment.
                try await Task.sleep(for: .milliseconds(100))
                let start = ContinuousClock.now
                try running.signal(signal)
                try await running.untilOutputEnds()
                return ContinuousClock.now - start
            }
            #expect(status == .exited(128 + signal.rawValue))
            #expect(took < .seconds(2) + StoppingCase.slack)
        }
    }
}
