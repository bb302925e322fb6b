import NIOCore
import NIOPosix
import PipelinedTransport
import Testing

@testable import DelayQueue

@Suite("Wake signal", .timeLimit(.minutes(1)))
struct WakeSignalTests {
    /// Runs as a consumer's engine does: on an event loop, in tasks that prefer it.
    private actor Pump {
        nonisolated let unownedExecutor: UnownedSerialExecutor
        private nonisolated let eventLoop: any EventLoop
        private let signal = WakeSignal()
        private var work = 0
        private var isRescued = false

        init(_ eventLoop: any EventLoop) {
            self.eventLoop = eventLoop
            self.unownedExecutor = eventLoop.executor.asUnownedSerialExecutor()
        }

        /// Waits for work that comes in the next turn of the loop.
        ///
        /// - Returns: whether the work woke it.
        func run() async -> Bool {
            work = 0
            eventLoop.execute { self.assumeIsolated { $0.bring() } }
            let rescue = eventLoop.scheduleTask(in: .seconds(10)) { self.assumeIsolated { $0.rescue() } }
            while !isRescued {
                signal.rearm()
                if work > 0 { break }
                await signal.wait()
            }
            rescue.cancel()
            return !isRescued
        }

        private func bring() {
            work += 1
            signal.wake()
        }

        private func rescue() {
            isRescued = true
            signal.wake()
        }
    }

    @Test func `whoever is woken between looking and waiting looks again`() async {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let pump = Pump(eventLoop)
        await withTaskGroup { group in
            group.addTask(executorPreference: EventLoopTaskExecutor(eventLoop)) {
                for _ in 0..<100 {
                    guard await pump.run() else { return false }
                }
                return true
            }
            for await wasWoken in group { #expect(wasWoken, "a wake-up was missed") }
        }
    }
}
