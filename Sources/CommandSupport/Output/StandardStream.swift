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
        try await NIOThreadPool.singleton.runIfActive { try self.writeNow(line) }
    }

    /// Writes a line on this thread.
    func writeNow(_ line: String) throws(StreamFailure) {
        let written = progress.withLockedValue { progress in
            Result { () throws(StreamFailure) in
                guard !progress.isEmpty else { return try put(line + "\n") }
                try put(Self.eraseLine + line + "\n" + progress)
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

    private func put(_ text: String) throws(StreamFailure) {
        var text = text
        let failure = text.withUTF8 { bytes -> StreamFailure? in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = SystemCalls.write(descriptor, rest)
                if count >= 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                    continue
                }
                switch errno {
                case EINTR: continue
                case EAGAIN:
                    // Another process has made the shared stream non-blocking: wait for room as a blocking one does.
                    var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = SystemCalls.poll(&poll)
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

    static func poll(_ descriptor: inout pollfd) -> Int32 {
        Foundation.poll(&descriptor, 1, -1)
    }
}

/// Why a line could not be written.
package struct StreamFailure: Error, CustomStringConvertible {
    let errorNumber: Int32

    /// Nobody reads any more.
    var isBrokenPipe: Bool { errorNumber == EPIPE }

    package var description: String { "output: \(String(cString: strerror(errorNumber)))" }
}
