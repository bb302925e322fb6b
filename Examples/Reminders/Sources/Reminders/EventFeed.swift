import Foundation
import Hummingbird
import Synchronization

/// Tells all pages that watch what happens, as server-sent events.
final class EventFeed: Sendable {
    private let watchers = Mutex<[UUID: AsyncStream<ByteBuffer>.Continuation]>([:])

    /// What happens from now on. A watcher that reads too slowly loses the oldest events; it has a bounded number of them.
    func events() -> AsyncStream<ByteBuffer> {
        let (events, watcher) = AsyncStream.makeStream(of: ByteBuffer.self, bufferingPolicy: .bufferingNewest(256))
        let id = UUID()
        watcher.onTermination = { [weak self] _ in self?.watchers.withLock { $0[id] = nil } }
        // Sent at once, so that the page knows that from now on it misses nothing.
        watcher.yield(ByteBuffer(string: "retry: 1000\n\n"))
        watchers.withLock { $0[id] = watcher }
        return events
    }

    /// - Parameter name: of the event, as the page listens for it.
    func send(_ name: String, _ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        // JSON has no line ends in it, which would end the event.
        let event = ByteBuffer(
            string: "event: \(name)\ndata: \(String(decoding: try encoder.encode(value), as: UTF8.self))\n\n")
        watchers.withLock { for watcher in $0.values { watcher.yield(event) } }
    }
}
