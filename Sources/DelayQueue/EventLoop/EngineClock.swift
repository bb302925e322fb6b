/// The clocks that an engine goes by, and who is told what the application does meanwhile: those of the machine, or of
/// a test that moves its time by hand.
///
/// Timers of an engine are those of its event loop, whose time goes with these clocks.
package protocol EngineClock: Sendable {
    /// Reads both clocks.
    func read() -> Moment

    /// How much later than asked timers are set: in the same microsecond of the event loop's clock, one could be early by
    /// these.
    var timerMargin: Duration { get }

    /// So many more tasks are busy with jobs, or fewer where that is negative: they iterate a consumer, and wait
    /// neither for its next job nor for a settlement. Called on any thread.
    func busyTasksChanged(by change: Int)
}

/// The machine's own clocks. Nobody is told anything.
package struct MachineClock: EngineClock {
    package init() {}

    package func read() -> Moment { .now() }

    package var timerMargin: Duration { .microseconds(1) }

    package func busyTasksChanged(by change: Int) {}
}
