package import DelayQueue

/// What a ``Judge`` knows of the queue's pause, and of who was told of it.
package struct JudgedPause {
    /// Since when it holds, and until when; nil while the queue is not paused, or that is not known.
    var pause: (since: Int64, until: Int64)?
    /// By consumer: when the ledger answered the last check-in whose answer has come.
    var heard: [Int: Int64] = [:]
}

extension Judge {
    /// The ledger carried out an operation on the queue's board.
    package mutating func answeredOnBoard(_ operation: BoardOperation, _ reply: LedgerReply, now: Int64) {
        switch (operation, reply) {
        case (.pause(let duration, _, _), .paused):
            pausing.pause = (now, duration.map { now + $0.wholeMicroseconds } ?? .max)
        case (.resume, .resumed), (.resume, .absent): pausing.pause = nil
        default: break
        }
    }

    /// The ledger has lost its word, or its end comes sooner or later, as its clock was set.
    package mutating func forgotPause() { pausing.pause = nil }

    /// A consumer has an answer to a check-in.
    ///
    /// - Parameter time: when the ledger gave it.
    package mutating func told(consumer: Int, at time: Int64) {
        pausing.heard[consumer] = max(pausing.heard[consumer] ?? .min, time)
    }

    /// A consumer begins a run.
    mutating func checkPause(_ job: Int, consumer: Int, now: Int64) {
        guard let pause = pausing.pause, now < pause.until - drift else { return }
        guard let heard = pausing.heard[consumer] else {
            return fail("\(jobs[job].name) runs in a consumer that did not yet know whether the queue is paused")
        }
        // What the ledger's clock ends while the answer is under way is over for who hears of it.
        if heard > pause.since {
            fail("\(jobs[job].name) runs \(now - pause.since) µs into a pause, which its consumer had been told of")
        }
    }
}
