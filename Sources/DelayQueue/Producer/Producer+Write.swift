import Beanstalk
import NIOCore
import PipelinedTransport

extension Producer {
    /// Jobs on their way together: the decision, and what the answers said beside it. Confined to the producer.
    final class Write {
        struct Caller {
            let id: UInt64
            let waiter: GatheredJobs.Waiter
        }

        let number: UInt64
        let jobs: [PreparedJob]
        let plan: WritePlan
        var fanOut: FanOut
        let fate = PutFate()
        /// All the nodes it is planned for were connected when it began.
        var isConnected = true
        /// For each job who is to be told, where single calls were gathered; nil once that was done.
        var callers: [Caller?] = []
        /// Puts that were sent without a task, by node, until their outcome was recorded.
        var posted = PerNode<PostedPuts>()
        /// When the grace ends that is granted to posted puts.
        var graceEnd: NIODeadline?
        /// What carries it out, where single calls were gathered and not all went as usual.
        var task: Task<Void, Never>?
        /// The connection each node's copies were written on.
        var generations = PerNode<ConnectionGeneration>()
        var nodeErrors: [Int: any Error] = [:]
        /// Copies whose answer came after their wait had ended, and before the decision.
        var storedLate: [FanOut.Put: BeanstalkJobID] = [:]
        var bodyTooLarge: Set<Int> = []

        init(_ number: UInt64, _ jobs: [PreparedJob], plan: WritePlan, minimumWritten: Int) {
            self.number = number
            self.jobs = jobs
            self.plan = plan
            self.fanOut = FanOut(jobCount: jobs.count, minimumWritten: minimumWritten, spares: plan.spares)
        }

        /// Copies planned for each job.
        var copies: [Int] { plan.copies }
    }

    /// Puts that left for a node without a task that waits for them. Confined to the producer.
    final class PostedPuts {
        /// What the connection calls them; nil while they are being sent.
        var batch: UInt64?
        private var outcome: BatchOutcome<BeanstalkReply>?
        private var waiter: CheckedContinuation<BatchOutcome<BeanstalkReply>, Never>?

        func end(_ outcome: BatchOutcome<BeanstalkReply>) {
            self.outcome = outcome
            waiter.take()?.resume(returning: outcome)
        }

        /// Waits for ``end(_:)``; one task may.
        func wait(_ waiter: CheckedContinuation<BatchOutcome<BeanstalkReply>, Never>) {
            if let outcome { waiter.resume(returning: outcome) } else { self.waiter = waiter }
        }
    }
}
