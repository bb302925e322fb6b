import Foundation
import NIOConcurrencyHelpers
import NIOPosix

/// Standard output or standard error, written in whole lines.
///
/// On standard error a terminal can also show one line of progress, which stays below the other lines.
package final class StandardStream: Sendable {
    package static let output = StandardStream(STDOUT_FILENO)
    package static let error = StandardStream(STDERR_FILENO)

    /// Whether people are looking.
    package let isTerminal: Bool
    private let descriptor: Int32
    /// The progress shown now. Held locked while writing, so that lines stay whole.
    private let progress = NIOLockedValueBox("")

    private static let eraseLine = "\r\u{1B}[K"

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
    }

    /// Writes a line and returns once the system has taken it.
    ///
    /// Waits on a thread of its own where the reader is slow, so that signals and connections are still attended to.
    ///
    /// - Throws: `StreamFailure`, also where nobody reads any more.
    package func write(_ line: String) async throws {
        try await write(making: { line })
    }

    /// Writes a line that is made on that thread: of many long ones that wait to be written, few are made.
    ///
    /// - Throws: as ``write(_:)``.
    package func write(making line: @escaping @Sendable () -> String) async throws {
        try await NIOThreadPool.singleton.runIfActive { try self.writeNow(line()) }
    }

    /// Writes a line that somebody has to be told, also where the task is cancelled.
    ///
    /// - Parameter limit: how long it still waits for a slow reader once the task is cancelled.
    /// - Throws: `StreamFailure` where the line was not written.
    package func tell(_ line: String, within limit: Duration) async throws {
        let end = NIOLockedValueBox<ContinuousClock.Instant?>(nil)
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                NIOThreadPool.singleton.submit { _ in
                    waiter.resume(
                        with: Result {
                            try self.writeNow(line) { end.withLockedValue { $0.map { $0 <= .now } ?? false } }
                        })
                }
            }
        } onCancel: {
            end.withLockedValue { $0 = .now + limit }
        }
    }

    /// Writes a line on this thread.
    ///
    /// - Parameter isTooLate: asked now and then while the reader makes it wait; unless given, it waits for good.
    func writeNow(_ line: String, isTooLate: (() -> Bool)? = nil) throws(StreamFailure) {
        let written = progress.withLockedValue { progress in
            Result { () throws(StreamFailure) in
                guard !progress.isEmpty else { return try put(line + "\n", isTooLate) }
                try put(Self.eraseLine + line + "\n" + progress, isTooLate)
            }
        }
        try written.get()
    }

    /// Writes a remark for people; where nobody reads, it is dropped.
    package func note(_ line: String) {
        try? writeNow(line)
    }

    /// Shows progress on a terminal, in place of the progress before; does nothing elsewhere.
    package func showProgress(_ text: String) {
        guard isTerminal else { return }
        progress.withLockedValue { progress in
            guard progress != text else { return }
            progress = text
            try? put(Self.eraseLine + text)
        }
    }

    /// Removes the progress.
    package func endProgress() {
        guard isTerminal else { return }
        progress.withLockedValue { progress in
            guard !progress.isEmpty else { return }
            progress = ""
            try? put(Self.eraseLine)
        }
    }

    private func put(_ text: String, _ isTooLate: (() -> Bool)? = nil) throws(StreamFailure) {
        var text = text
        let failure = text.withUTF8 { bytes -> StreamFailure? in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                var piece = rest
                if let isTooLate {
                    while !SystemCalls.hasRoom(descriptor, within: 0.05) {
                        if isTooLate() { return StreamFailure(errorNumber: ETIMEDOUT) }
                    }
                    // So much a pipe that has room takes without waiting.
                    piece = UnsafeRawBufferPointer(rebasing: rest.prefix(Int(PIPE_BUF)))
                }
                let count = SystemCalls.write(descriptor, piece)
                if count >= 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                    continue
                }
                switch errno {
                case EINTR: continue
                case EAGAIN:
                    // Another process has made the shared stream non-blocking: wait for room as a blocking one does.
                    _ = SystemCalls.hasRoom(descriptor, within: nil)
                default: return StreamFailure(errorNumber: errno)
                }
            }
            return nil
        }
        if let failure { throw failure }
    }
}

/// The system's calls, under names that methods here do not hide.
private enum SystemCalls {
    static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        Foundation.write(descriptor, bytes.baseAddress, bytes.count)
    }

    /// Whether a write would not wait; so it is also where it would fail.
    ///
    /// - Parameter seconds: how long to wait for it; nil waits for good.
    static func hasRoom(_ descriptor: Int32, within seconds: Double?) -> Bool {
        var descriptor = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&descriptor, 1, seconds.map { Int32($0 * 1000) } ?? -1) > 0
    }
}

/// Why a line could not be written.
package struct StreamFailure: Error, CustomStringConvertible {
    let errorNumber: Int32

    /// Nobody reads any more.
    var isBrokenPipe: Bool { errorNumber == EPIPE }

    package var description: String {
        "output: \(errorNumber == ETIMEDOUT ? "nobody reads it" : String(cString: strerror(errorNumber)))"
    }
}
