import Dispatch
import NIOConcurrencyHelpers

/// Runs asynchronous work while the main thread waits.
///
/// An asynchronous `main` ends in Dispatch's `dispatch_main`, which waits for signals with a mask in read-only memory.
/// Valgrind 3.19 writes to that mask, and dies of it: seen as "the 'impossible' happened" in `sigsuspend`.
enum Blocking {
    static func run(_ work: @escaping @Sendable () async throws -> Void) throws {
        let outcome = NIOLockedValueBox<Result<Void, any Error>>(.success(()))
        let done = DispatchSemaphore(value: 0)
        // Waited for below.
        Task {
            do { try await work() } catch { outcome.withLockedValue { $0 = .failure(error) } }
            done.signal()
        }
        done.wait()
        try outcome.withLockedValue { try $0.get() }
    }
}
