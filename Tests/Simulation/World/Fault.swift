/// What can go wrong in a ``World``, besides messages that are late; and what only few runs would show.
package enum Fault: Int, CaseIterable, Sendable {
    case consumerCrash, consumerPause, consumerStop, clockJump, clockDisagreement
    case producerCrash, producerPause, producerClose, callCancelled, gathering, lateAnswer
    case nodeCrash, nodeHang, cut
    case ledgerAway, ledgerHang, ledgerWipe, ledgerLoss, ledgerClockStep, replyLost
    case kick, replay, drop, repair, copyAdded, revocation
    case queuePause, queueResume, operatorKilled, heldByPause
    case poison, fleetKill, cutOff, endedLease, suspect, endedAlone
    case idRefused, idReplaced, idSame, idRevoked
    case leadLost, deleteByName, fetch, fetchAhead
    case oversized, noRoom
}

/// How often each fault happened.
package struct FaultCount: Sendable {
    private var counts = Array(repeating: 0, count: Fault.allCases.count)

    package init() {}

    package subscript(fault: Fault) -> Int {
        get { counts[fault.rawValue] }
        set { counts[fault.rawValue] = newValue }
    }

    package static func += (a: inout FaultCount, b: FaultCount) {
        for index in a.counts.indices { a.counts[index] += b.counts[index] }
    }

    package var description: String {
        Fault.allCases.map { "\($0) \(self[$0])" }.joined(separator: ", ")
    }
}
