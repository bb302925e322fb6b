/// The ways a process, a server or a connection is disturbed.
enum FaultKind: String, Hashable, Codable, CaseIterable {
    /// SIGKILL; started again when the fault is over.
    case kill
    /// SIGSTOP; SIGCONT when the fault is over.
    case stop
    /// SIGTERM to a consumer, which ends in order; started again when the fault is over.
    case terminate
    /// The wall clock of a consumer's processes is set to another time; set right when the fault is over.
    case shift
    /// It ended by itself; started again at once. Never planned.
    case crash
    /// Connections are reset once.
    case reset
    /// Connections are reset, and new ones closed at once.
    case refuse
    /// Bytes to the server vanish from sight.
    case stallToServer
    /// Bytes from the server vanish from sight.
    case stallToClient
    case stallBoth
    /// Every byte is late.
    case latency
    /// Every byte arrives by itself.
    case split
}

/// One fault of a plan; times are counted from the beginning of the round.
struct PlannedFault: Hashable, Codable {
    var target: Target
    var kind: FaultKind
    var start: Duration
    var length: Duration
    /// For ``FaultKind/latency``.
    var latency: Duration = .zero
    /// For ``FaultKind/shift``.
    var shiftSeconds: Int64 = 0

    var end: Duration { start + length }
}
