import NIOConcurrencyHelpers

/// How far a job is that was handed to the application, known to both its ``JobHandle`` and the engine.
struct JobState: Sendable {
    enum Phase {
        /// In the delivery queue, or with the application.
        case live
        case settling
        case settled
        /// No longer ours to settle: taken back undelivered, or another owner's.
        case gone
    }

    private struct Content {
        var phase = Phase.live
        /// In microseconds.
        var lateness: Int64 = 0
        var isLeaseLost = false
        /// Watches over the job's run, for as long as that goes on.
        var watch: (LeaseWatch, HeldJobID)?
    }

    let contents: JobContents
    private let content = NIOLockedValueBox(Content())

    init(contents: JobContents) {
        self.contents = contents
    }

    /// Nil unless the job is live; else whether its lease was lost.
    var leaseIfLive: Bool? { content.withLockedValue { $0.phase == .live ? $0.isLeaseLost : nil } }

    /// In microseconds.
    var lateness: Int64 { content.withLockedValue { $0.lateness } }

    // MARK: Delivery

    /// - Parameter lateness: in microseconds; negative counts as none.
    /// - Returns: false where the job is no longer ours to give.
    func deliver(lateness: Int64) -> Bool {
        content.withLockedValue { content in
            guard content.phase == .live else { return false }
            content.lateness = max(lateness, 0)
            return true
        }
    }

    /// The engine takes the job back undelivered.
    func recall() -> Bool {
        content.withLockedValue { content in
            guard content.phase == .live else { return false }
            content.phase = .gone
            return true
        }
    }

    // MARK: Lease

    var isLeaseLost: Bool { content.withLockedValue { $0.isLeaseLost } }

    /// Another owner may run the job from now on.
    ///
    /// Settling stays allowed: the ledger accepts a completion as long as nobody else has taken over.
    func loseLease() {
        let watch = content.withLockedValue { content in
            content.isLeaseLost = true
            return content.watch
        }
        if let (watch, id) = watch { watch.lose(id) }
    }

    // MARK: Running

    /// The watch is told when the lease is lost; at once if it is.
    func beginRun(_ id: HeldJobID, under watch: LeaseWatch) {
        let isLost = content.withLockedValue { content in
            content.watch = (watch, id)
            return content.isLeaseLost
        }
        if isLost { watch.lose(id) }
    }

    func endRun() {
        content.withLockedValue { $0.watch = nil }
    }

    /// Whether the run's handler was cancelled, and not by itself; nil outside of a run.
    var isRunCancelled: Bool? {
        // Under the lock, which the run takes to end: until then the watch's tasks exist.
        content.withLockedValue { $0.watch?.0.hasCancelled }
    }

    // MARK: Settling

    var isLive: Bool { content.withLockedValue { $0.phase == .live } }

    /// - Parameter phase: what a live job enters.
    /// - Returns: what it was before.
    func beginSettling(as phase: Phase) -> Phase {
        content.withLockedValue { content in
            let before = content.phase
            if before == .live { content.phase = phase }
            return before
        }
    }

    /// - Parameter isStillLive: after an error, whether the job can be settled yet; nil where it is settled.
    func endSettling(isStillLive: Bool?) {
        content.withLockedValue { content in
            guard content.phase == .settling else { return }
            content.phase = isStillLive.map { $0 ? .live : .gone } ?? .settled
        }
    }
}
