/// A clock that may be set wrong, and runs too fast or too slow by little.
struct SimulatedClock {
    /// In microseconds.
    var offset: Int64 = 0
    /// In parts of a million.
    var drift: Int64 = 0

    func time(_ now: Int64) -> Int64 { now + offset + (now - World.start) * drift / 1_000_000 }
}

/// A machine, on which one process follows another.
final class Host {
    var clock = SimulatedClock()
}
