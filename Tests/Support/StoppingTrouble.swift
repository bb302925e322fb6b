package import DelayQueueTestKit
import Foundation

/// What is away while a consumer is to stop.
package enum StoppingTrouble: String, CaseIterable, Sendable {
    case ledgerKilled, ledgerHangs, oneNodeHangs, allNodesHang, allHang

    package func begin(in cluster: LocalCluster) async throws {
        switch self {
        case .ledgerKilled: await cluster.redis?.kill()
        case .ledgerHangs: try await cluster.redis?.suspend()
        case .oneNodeHangs: try await cluster.nodes.first?.suspend()
        case .allNodesHang: for node in cluster.nodes { try await node.suspend() }
        case .allHang:
            try await cluster.redis?.suspend()
            for node in cluster.nodes { try await node.suspend() }
        }
    }
}

/// What a consumer does when it is to stop.
package enum StoppingWork: String, CaseIterable, Sendable {
    case idle, jobOf3s, jobOf77s, manyJobs

    package var jobs: Int {
        switch self {
        case .idle: 0
        case .jobOf3s, .jobOf77s: 1
        case .manyJobs: 64
        }
    }

    /// How long each takes.
    package var seconds: Int { self == .jobOf3s ? 3 : 77 }
}

/// One thing to try of all that may be away and all that may be under way.
package struct StoppingCase: Sendable, CustomStringConvertible {
    package var trouble: StoppingTrouble
    package var work: StoppingWork

    package init(_ trouble: StoppingTrouble, _ work: StoppingWork) {
        self.trouble = trouble
        self.work = work
    }

    package var description: String { "\(trouble) \(work)" }

    private static var isWhole: Bool { ProcessInfo.processInfo.environment["DQ_STOPPING"] == "all" }

    /// How much longer than promised an end may take beside all other tests, on a machine with too much to do. Without a
    /// deadline for all, it took 40 to 70 s.
    package static var slack: Duration { isWhole ? .zero : .seconds(8) }

    /// Some of them, or all where `DQ_STOPPING=all` is in the environment.
    package static var chosen: [StoppingCase] {
        guard isWhole else {
            return [
                .init(.ledgerKilled, .jobOf3s), .init(.ledgerHangs, .jobOf77s), .init(.oneNodeHangs, .manyJobs),
                .init(.allHang, .idle), .init(.allHang, .manyJobs),
            ]
        }
        return StoppingTrouble.allCases.flatMap { trouble in StoppingWork.allCases.map { .init(trouble, $0) } }
    }

    /// Says how long it took, where all are tried.
    package func note(_ what: String, took: Duration) {
        guard Self.isWhole else { return }
        print("STOPPED \(what) \(self): \(took)")
    }
}
