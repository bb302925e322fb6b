import Beanstalk
import CommandSupport
import DelayQueue
import Logging
import NIOCore
import NIOPosix

/// What one node says about itself and the queue's two tubes on it.
struct NodeStatus: Sendable {
    var node: BeanstalkNode
    /// Nil where the node did not answer.
    var answer: Answer?
    /// Why it did not.
    var problem: String?

    struct Answer: Sendable {
        var server: ServerStatistics
        var tube: TubeStatistics
        /// The tube of the copies that stand by; nil where the server has none.
        var standbyTube: TubeStatistics?
        /// Copies of dead jobs that wait in each tube, as far as the ledger knows of them; nil where it could not be
        /// asked.
        var deadCopies: [CopyTube: Int]?
        /// What is said of jobs that are too large to be looked at.
        var oversized: [String] = []
        /// When the first of the ready jobs was due: the queue runs this late.
        var oldest: Timestamp?
        /// When the first of the delayed jobs is due; nil where that is one that waits for another reason.
        var next: Timestamp?
    }

    private static let timeout = Duration.seconds(2)

    /// Asks a node; takes 2 seconds at most where it does not answer.
    static func ask(_ node: BeanstalkNode, over connection: BeanstalkConnection) async -> NodeStatus {
        do throws(BeanstalkError) {
            let server = try await connection.stats(timeout: timeout)
            let tube = try await connection.statsTube(node.tube, timeout: timeout)
            let standbyTube = try await statistics(of: node.standbyTube, over: connection)
            var oversized: [String] = []
            let ready = try await look(&oversized) { () throws(BeanstalkError) in
                try await connection.peekReady(timeout: timeout)?.body
            }
            let delayed = try await look(&oversized) { () throws(BeanstalkError) in
                try await connection.peekDelayed(timeout: timeout)?.body
            }
            return NodeStatus(
                node: node,
                answer: Answer(
                    server: server, tube: tube, standbyTube: standbyTube, oversized: oversized,
                    oldest: fireTime(of: ready), next: fireTime(of: delayed).flatMap { $0 > .now() ? $0 : nil }))
        } catch {
            return NodeStatus(node: node, problem: "\(error)")
        }
    }

    /// - Parameter oversized: gets what is to be said where the job is too large to be looked at.
    private static func look(
        _ oversized: inout [String], _ peek: () async throws(BeanstalkError) -> ByteBuffer?
    ) async throws(BeanstalkError) -> ByteBuffer? {
        do throws(BeanstalkError) {
            return try await peek()
        } catch {
            guard error.code == .bodyTooLong, let job = error.jobID else { throw error }
            oversized.append("job \(job): \(error.detail ?? "its body is too long")")
            return nil
        }
    }

    /// - Returns: nil where the server has no such tube: nothing is in it, and nobody uses it.
    private static func statistics(
        of tube: TubeName, over connection: BeanstalkConnection
    ) async throws(BeanstalkError) -> TubeStatistics? {
        do {
            return try await connection.statsTube(tube, timeout: timeout)
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    private static func fireTime(of record: ByteBuffer?) -> Timestamp? {
        record.flatMap { JobRecord(parsing: $0).fireTime }
    }

    var json: JSONObject {
        var object = JSONObject()
        object.add("node", node.address.description)
        object.add("up", answer != nil)
        guard let answer else {
            object.add("error", ifPresent: problem)
            return object
        }
        object.add("ready", answer.tube.currentJobsReady)
        object.add("delayed", answer.delayedJobs)
        object.add("standby", answer.standbyJobs)
        object.add("dead", answer.allDeadCopies)
        object.add("reserved", answer.tube.currentJobsReserved)
        object.add("buried", answer.tube.currentJobsBuried)
        object.add("oldest", answer.oldest.map(DateText.string))
        object.add("next", answer.next.map(DateText.string))
        object.add("version", answer.server.version)
        object.add("binlog", answer.hasBinlog)
        object.add("draining", answer.server.isDraining)
        object.add("consumers", answer.tube.currentWatching)
        object.add("maxJobSize", answer.server.maxJobSize)
        object.add("uptimeSeconds", answer.server.uptime)
        return object
    }
}

extension NodeStatus.Answer {
    var hasBinlog: Bool { server.binlogCurrentIndex > 0 }

    /// Without copies of dead jobs.
    var delayedJobs: Int { max(0, tube.currentJobsDelayed - deadCopies(in: .main)) }

    /// The copies that stand by, whatever their state, without those of dead jobs.
    var standbyJobs: Int { max(0, (standbyTube?.jobs ?? 0) - deadCopies(in: .standby)) }

    /// Nil where the ledger could not be asked.
    var allDeadCopies: Int? { deadCopies?.values.reduce(0, +) }

    private func deadCopies(in tube: CopyTube) -> Int { deadCopies?[tube] ?? 0 }

    /// In both tubes.
    var buriedJobs: Int { tube.currentJobsBuried + (standbyTube?.currentJobsBuried ?? 0) }
}

extension TubeStatistics {
    /// In any state.
    fileprivate var jobs: Int { currentJobsReady + currentJobsDelayed + currentJobsReserved + currentJobsBuried }
}
