import DelayQueue
package import Foundation
package import NIOCore
import NIOPosix

/// A file or standard input, read piece by piece; a read that waits ends when its task is cancelled.
package final class ByteSource: Sendable {
    /// The size in bytes; nil where it is not known, as of a pipe.
    let size: Int?

    private let descriptor: Int32
    private let ownsDescriptor: Bool
    /// Written to once, to end the wait of a cancelled task.
    private let wakeReader: Int32
    private let wakeWriter: Int32

    /// - Parameter path: `-` stands for standard input.
    /// - Throws: `CommandError` where the file cannot be opened, or is a folder.
    package init(path: String) throws {
        ownsDescriptor = path != "-"
        descriptor = ownsDescriptor ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO
        var information = stat()
        guard descriptor >= 0, fstat(descriptor, &information) == 0 else {
            throw CommandError("\(path): \(String(cString: strerror(errno)))")
        }
        guard information.st_mode & S_IFMT != S_IFDIR else {
            throw CommandError("\(path): \(String(cString: strerror(EISDIR)))")
        }
        size = information.st_mode & S_IFMT == S_IFREG ? Int(information.st_size) : nil
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw CommandError("\(path): \(String(cString: strerror(errno)))") }
        (wakeReader, wakeWriter) = (ends[0], ends[1])
    }

    deinit {
        if ownsDescriptor { close(descriptor) }
        close(wakeReader)
        close(wakeWriter)
    }

    /// The next bytes; empty at the end.
    ///
    /// - Throws: `CommandError` where reading fails; `CancellationError`.
    package func next(atMost count: Int) async throws -> Data {
        try await withTaskCancellationHandler {
            // On a thread of its own, as it may wait for whoever writes.
            try await NIOThreadPool.singleton.runIfActive { try self.wait(thenReadAtMost: count) }
        } onCancel: {
            var byte: UInt8 = 0
            _ = write(wakeWriter, &byte, 1)
        }
    }

    private func wait(thenReadAtMost count: Int) throws -> Data {
        while true {
            var descriptors = [
                pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0),
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&descriptors, 2, -1) >= 0 else {
                if errno == EINTR || errno == EAGAIN { continue }
                throw CommandError("reading failed: \(String(cString: strerror(errno)))")
            }
            if descriptors[0].revents != 0 { throw CancellationError() }
            var bytes = [UInt8](repeating: 0, count: count)
            let read = read(descriptor, &bytes, count)
            if read >= 0 { return Data(bytes[..<read]) }
            guard errno == EINTR || errno == EAGAIN else {
                throw CommandError("reading failed: \(String(cString: strerror(errno)))")
            }
        }
    }

    // MARK: Bodies

    /// No node takes a larger job, whatever its settings.
    private static let largestBody = 1 << 30

    /// Everything until the end.
    ///
    /// - Throws: `CommandError` beyond 1 GiB, or where reading fails; `CancellationError`.
    package func body() async throws -> ByteBuffer {
        var body = ByteBuffer()
        while true {
            let piece = try await next(atMost: 1 << 16)
            guard !piece.isEmpty else { return body }
            body.writeBytes(piece)
            guard body.readableBytes <= Self.largestBody else {
                throw CommandError("the body has more than 1 GiB, the most a node takes as one job")
            }
        }
    }
}
