import DelayQueueTestKit
import Foundation
import Subprocess
import TestSupport
import Testing

/// One of two consumers can not reach the ledger, and the other one runs every job.
@Suite(.serialized, .timeLimit(.minutes(4))) struct CutOffTests {
    private static let lease = 3.0

    @Test(arguments: [Fault.refuse, .stall()])
    func aConsumerThatAloneIsCutOffKeepsNoJobFromTheOthers(_ fault: Fault) async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let redis = try #require(cluster.redis)
            try await withFaultProxy(to: redis.port) { proxy in
                await proxy.set(fault)
                let tool = Tool(cluster)
                var cutOff = tool
                cutOff.environment["DQ_REDIS"] = redis.url(through: proxy.port)
                let arguments = ["consume", "--json", "--lease", "\(Int(Self.lease))"]
                let lines = (0..<60).map { #"{"in": "\#(1000 + $0 * 250)ms", "body": "x"}"# }
                _ = try await cutOff.start(arguments) { alone in
                    _ = try await tool.start(arguments) { healthy in
                        let load = try await tool.run(["load", "-"], input: Array(lines.joined(separator: "\n").utf8))
                        try #require(load.status == .exited(0), "\(load.errors)")
                        for _ in lines {
                            let line = try #require(try await healthy.nextLine())
                            #expect(try JSONLine(line).number("latenessMs") < (Self.lease + 5) * 1000)
                        }
                        try healthy.signal(.terminate)
                        try await healthy.untilOutputEnds()
                    }
                    try alone.signal(.terminate)
                    #expect(try await alone.nextLine() == nil, "a job ran without the ledger's word")
                }
            }
        }
    }
}
