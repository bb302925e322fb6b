package import Beanstalk

extension Job {
    /// A job that no consumer claimed, for tests of what handles jobs.
    ///
    /// - Parameter lateness: whatever its fire date says.
    package init(
        unclaimed record: Envelope, queue: TubeName, attempt: Int, failures: JobFailures, lateness: Duration,
        isLeaseLost: Bool, owner: any JobOwner
    ) {
        let contents = JobContents(
            name: JobName(id: record.id, isGoQueue: false), queue: queue, record: .native(record),
            fireTime: record.fireTime)
        handle = JobHandle(
            HeldJobID(0), record: contents, fireTime: record.fireTime, attempt: attempt, failures: failures,
            owner: owner)
        _ = handle.state.deliver(lateness: lateness.wholeMicroseconds)
        if isLeaseLost { handle.state.loseLease() }
    }

    /// Who gave the job out.
    package var owner: any JobOwner { handle.owner }
}
