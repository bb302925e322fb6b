import CommandSupport
import Foundation

/// One server's end of a ceiling: requests made beforehand, pushed through a bare socket as fast as it takes them.
///
/// No event loop, no future, no parser beyond the counting of replies: what a program could reach that knew nothing
/// but the server's own limits. It keeps up to `depth` requests unanswered.
final class RawPipe {
    /// Makes up to `count` more requests.
    ///
    /// - Returns: how many it made; fewer only where no more are at hand.
    typealias Source = (_ count: Int, _ bytes: inout [UInt8]) -> Int

    /// Reads replies from the front of the bytes.
    ///
    /// - Returns: how many bytes it took, and how many replies these were.
    typealias Sink = (_ bytes: UnsafeRawBufferPointer) throws -> (bytes: Int, replies: Int)

    let descriptor: Int32
    private let depth: Int
    private let source: Source
    private let sink: Sink
    private var outbound: [UInt8] = []
    private var written = 0
    private var inbound = [UInt8](repeating: 0, count: 1 << 17)
    private var buffered = 0
    private var unanswered = 0
    private(set) var bytesMoved = 0

    /// - Parameter address: `host:port`.
    /// - Throws: `CommandError` where it cannot be connected.
    init(_ address: RawAddress, depth: Int = 512, source: @escaping Source, sink: @escaping Sink) throws {
        descriptor = try address.connect()
        self.depth = depth
        self.source = source
        self.sink = sink
        outbound.reserveCapacity(1 << 17)
    }

    deinit { close(descriptor) }

    /// Nothing is on its way, and the source had nothing when it was last asked.
    private(set) var isIdle = false

    /// What to wait for.
    var interest: Int16 {
        Int16(POLLIN) | (written < outbound.count ? Int16(POLLOUT) : 0)
    }

    /// Makes and sends requests while the server takes them.
    func send() throws {
        if written == outbound.count {
            outbound.removeAll(keepingCapacity: true)
            written = 0
            // A quarter of the depth at a time: fewer system calls, and never an idle server.
            let room = depth - unanswered
            let made = room >= depth / 4 ? source(room, &outbound) : 0
            unanswered += made
            isIdle = unanswered == 0
        }
        while written < outbound.count {
            let count = outbound.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written, Self.flags)
            }
            if count < 0 {
                if errno == EAGAIN { return }
                if errno == EINTR { continue }
                throw CommandError("a bare socket could not be written: \(String(cString: strerror(errno)))")
            }
            written += count
            bytesMoved += count
        }
    }

    /// Reads what has come.
    func receive() throws {
        let count = inbound.withUnsafeMutableBytes {
            recv(descriptor, $0.baseAddress?.advanced(by: buffered), $0.count - buffered, 0)
        }
        if count < 0 {
            if errno == EAGAIN || errno == EINTR { return }
            throw CommandError("a bare socket could not be read: \(String(cString: strerror(errno)))")
        }
        if count == 0 { throw CommandError("a server hung up") }
        bytesMoved += count
        buffered += count
        let taken = try inbound.withUnsafeBytes { try sink(UnsafeRawBufferPointer(rebasing: $0[..<buffered])) }
        unanswered -= taken.replies
        inbound.withUnsafeMutableBytes { bytes in
            guard taken.bytes > 0, let start = bytes.baseAddress else { return }
            memmove(start, start.advanced(by: taken.bytes), buffered - taken.bytes)
        }
        buffered -= taken.bytes
        if buffered == inbound.count { inbound.append(contentsOf: repeatElement(0, count: inbound.count)) }
    }

    #if os(Linux)
        private static let flags = Int32(MSG_NOSIGNAL)
    #else
        private static let flags = Int32(0)
    #endif
}

extension RawPipe {
    /// Drives pipes on this thread until `isDone`, which is asked whenever something has come.
    static func drive(_ pipes: [RawPipe], until isDone: () -> Bool) throws {
        var polls = pipes.map { pollfd(fd: $0.descriptor, events: 0, revents: 0) }
        while !isDone() {
            for (index, pipe) in pipes.enumerated() {
                try pipe.send()
                polls[index].events = pipe.interest
            }
            let ready = poll(&polls, nfds_t(polls.count), 10_000)
            if ready < 0, errno == EINTR { continue }
            if ready <= 0 { throw CommandError("a server did not answer a bare socket for 10 s") }
            for (index, pipe) in pipes.enumerated() where polls[index].revents & ~Int16(POLLOUT) != 0 {
                try pipe.receive()
            }
        }
    }
}
