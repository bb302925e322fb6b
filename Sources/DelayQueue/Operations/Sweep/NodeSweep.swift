package import Beanstalk

/// How far a sweep of one node came; what a second one needs to go on from there.
package struct NodeSweep: Sendable {
    package let node: BeanstalkNode
    /// The server process that was swept; nil where none answered, and before beanstalkd 1.7.
    package internal(set) var server: ServerID?
    /// Nil where the node did not tell how many jobs it has.
    package internal(set) var ids: IDSweep?
    /// How many copies of this queue the node had buried when it was asked first.
    package internal(set) var buried = 0
    /// How many copies of this queue matched.
    package internal(set) var matches = 0
    /// Why the node was not swept to the end, where it failed.
    package internal(set) var failure: BeanstalkError?

    /// Whether all of the queue's copies were seen that were there from the beginning to the end.
    package var isComplete: Bool { failure == nil && ids.map { $0.isOver && $0.mayHaveMissed == 0 } ?? false }
}

// What a node is asked before its jobs are looked at, and what its answers mean.
extension NodeSweep {
    /// Asks how many jobs there are, and for the numbers of those that can be seen without knowing one.
    static func opening(_ node: BeanstalkNode) -> [BeanstalkCommand] {
        [.stats]
            + CopyTube.allCases.flatMap { tube -> [BeanstalkCommand] in
                [.use(node.name(of: tube)), .statsTube(node.name(of: tube)), .peekReady, .peekDelayed, .peekBuried]
            }
    }

    /// - Returns: nil where the answers are not those of a node.
    static func opened(
        _ replies: [BeanstalkReply]
    ) -> (census: IDSweep.Census, uptime: Int, copies: Int, buried: Int, samples: [BeanstalkJobID])? {
        guard case .ok(let text)? = replies.first, let statistics = try? ServerStatistics(parsing: text) else {
            return nil
        }
        var copies = 0
        var buried = 0
        var samples: [BeanstalkJobID] = []
        for reply in replies.dropFirst() {
            switch reply {
            case .found(let id, _), .foundUnread(let id, _): samples.append(id)
            case .ok(let text):
                guard let tube = try? TubeStatistics(parsing: text) else { return nil }
                copies += tube.currentJobs
                buried += tube.currentJobsBuried
            default: break
            }
        }
        return (IDSweep.Census(statistics), statistics.uptime, copies, buried, samples)
    }

    /// - Parameters:
    ///   - replies: to `stats-job` for each sample.
    ///   - uptime: of the server, in seconds.
    static func samples(_ replies: [BeanstalkReply], uptime: Int) -> [IDSweep.Sample] {
        replies.compactMap { reply in
            guard case .ok(let text) = reply, let job = try? JobStatistics(parsing: text) else { return nil }
            // Both are cut to whole seconds, and asked for one after the other.
            return IDSweep.Sample(id: job.id.rawValue, isOfThisProcess: job.age + 2 < uptime)
        }
    }
}

extension IDSweep.Census {
    init(_ statistics: ServerStatistics) {
        self.init(
            jobs: statistics.currentJobsReady + statistics.currentJobsReserved + statistics.currentJobsDelayed
                + statistics.currentJobsBuried,
            puts: statistics.commandCount("put") ?? statistics.totalJobs,
            // A process begins a log file of its own; the first one of all has the number 1, and 0 means none.
            mayHaveRestored: statistics.binlogCurrentIndex > 1)
    }
}

extension TubeStatistics {
    /// All of its jobs, in whatever state.
    var currentJobs: Int { currentJobsReady + currentJobsReserved + currentJobsDelayed + currentJobsBuried }
}
