import Dispatch
import HeapModule
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// An event loop whose time stands still until it is moved.
///
/// What is to be done at once is done at once, on a thread of its own. What is to be done later is done when time is
/// moved to it, and time is moved from one such moment to the next only once everything has come to rest: nothing is
/// left to be done on the loop, and nobody who told it of work (``busyChanged(by:)``) has any left.
final class TestEventLoop: EventLoop, NIOSerialEventLoopExecutor {
    private struct Timer: Comparable {
        let at: NIODeadline
        /// Those of the same time go off in the order in which they were set.
        let id: UInt64

        static func < (a: Timer, b: Timer) -> Bool { (a.at, a.id) < (b.at, b.id) }
    }

    private struct State {
        var now: NIODeadline
        /// Tasks that are to be executed, the one that runs included.
        var pending = 0
        var busy = 0
        var timers: Heap<Timer> = []
        /// What the timers do that were not cancelled.
        var actions: [UInt64: @Sendable () -> Void] = [:]
        var lastTimer: UInt64 = 0
        /// Time goes wherever there is something to be done.
        var isFree = false
        /// To where time is being moved, and who waits for that.
        var moves: [Move] = []
        var lastMove: UInt64 = 0
    }

    private struct Move {
        let id: UInt64
        let to: NIODeadline
        let done: @Sendable () -> Void
    }

    private enum Step {
        case run(@Sendable () -> Void)
        case arrived(@Sendable () -> Void)
        case rest
    }

    private let group: MultiThreadedEventLoopGroup
    private let inner: any EventLoop
    private let state: NIOLockedValueBox<State>

    init(now: NIODeadline) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        inner = group.next()
        state = NIOLockedValueBox(State(now: now))
    }

    /// Ends the loop's thread. Nothing may be left to be done on it.
    func shutDown() async {
        // Fails only where it was shut down before.
        try? await group.shutdownGracefully()
    }

    // MARK: Time

    var now: NIODeadline { state.withLockedValue { $0.now } }

    /// Somebody who does not run on the loop has work to do, or has done it. Called on any thread; where work is done,
    /// something must be executed on the loop afterwards.
    func busyChanged(by change: Int) {
        state.withLockedValue { $0.busy += change }
    }

    /// How many have work to do, for whoever waits for them in vain.
    var busyCount: Int { state.withLockedValue { $0.busy } }

    /// Moves time, and calls back on the loop once it is there and everything is at rest.
    ///
    /// - Returns: the name to stop it by.
    @discardableResult
    func move(to time: NIODeadline, done: @escaping @Sendable () -> Void) -> UInt64 {
        let id = state.withLockedValue { state in
            state.lastMove += 1
            return state.lastMove
        }
        execute { [self] in
            state.withLockedValue { $0.moves.append(Move(id: id, to: max(time, $0.now), done: done)) }
        }
        return id
    }

    /// From now on time moves by itself, whoever is at work: for the end.
    func runFreely() {
        execute { [self] in state.withLockedValue { $0.isFree = true } }
    }

    /// Ends a move, where it is not over; nobody is called back, and time stays where it is.
    func stop(move id: UInt64) {
        execute { [self] in state.withLockedValue { state in state.moves.removeAll { $0.id == id } } }
    }

    /// A task has been executed. Goes on for as long as everything is at rest.
    private func executed() {
        state.withLockedValue { $0.pending -= 1 }
        while true {
            switch state.withLockedValue({ Self.step(&$0) }) {
            case .run(let action):
                action()
                state.withLockedValue { $0.pending -= 1 }
            case .arrived(let done):
                done()
            case .rest:
                return
            }
        }
    }

    private static func step(_ state: inout State) -> Step {
        guard state.pending == 0 else { return .rest }
        while let timer = state.timers.min, state.actions[timer.id] == nil { state.timers.removeMin() }
        let next = state.timers.min
        if let next, next.at <= state.now { return go(off: next, &state) }
        if let next, state.isFree { return go(off: next, &state) }
        guard state.busy <= 0, let index = state.moves.indices.min(by: { state.moves[$0].to < state.moves[$1].to })
        else {
            return .rest
        }
        let move = state.moves[index]
        if let next, next.at <= move.to { return go(off: next, &state) }
        state.now = move.to
        state.moves.remove(at: index)
        return .arrived(move.done)
    }

    private static func go(off timer: Timer, _ state: inout State) -> Step {
        state.timers.removeMin()
        state.now = max(state.now, timer.at)
        guard let action = state.actions.removeValue(forKey: timer.id) else { return .rest }
        state.pending += 1
        return .run(action)
    }

    // MARK: EventLoop

    var inEventLoop: Bool { inner.inEventLoop }

    func execute(_ task: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.pending += 1 }
        inner.execute { [self] in
            task()
            executed()
        }
    }

    func submit<T>(_ task: @escaping @Sendable () throws -> T) -> EventLoopFuture<T> {
        let promise = makePromise(of: T.self)
        execute { promise.completeWithResult(of: task) }
        return promise.futureResult
    }

    @discardableResult
    func scheduleTask<T>(deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        let promise = makePromise(of: T.self)
        let (id, isAwaited) = state.withLockedValue { state in
            state.lastTimer += 1
            if state.timers.count > 2 * state.actions.count + 64 {
                state.timers = Heap(state.timers.unordered.filter { state.actions[$0.id] != nil })
            }
            state.timers.insert(Timer(at: deadline, id: state.lastTimer))
            state.actions[state.lastTimer] = { promise.completeWithResult(of: task) }
            return (state.lastTimer, deadline <= state.now || state.isFree)
        }
        // So that it is looked at.
        if isAwaited { execute {} }
        return Scheduled(promise: promise) { [state] in
            state.withLockedValue { $0.actions[id] = nil }
        }
    }

    @discardableResult
    func scheduleTask<T>(in delay: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        scheduleTask(deadline: now + delay, task)
    }

    func preconditionInEventLoop(file: StaticString, line: UInt) {
        inner.preconditionInEventLoop(file: file, line: line)
    }

    func preconditionNotInEventLoop(file: StaticString, line: UInt) {
        inner.preconditionNotInEventLoop(file: file, line: line)
    }

    func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        group.shutdownGracefully(queue: queue, callback)
    }
}

extension EventLoopPromise {
    fileprivate func completeWithResult(of task: () throws -> Value) {
        do { assumeIsolated().succeed(try task()) } catch { fail(error) }
    }
}
