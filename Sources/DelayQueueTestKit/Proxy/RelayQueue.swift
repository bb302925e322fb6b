import NIOCore

/// What is on its way in one direction of one connection, and what to do with it next.
struct RelayQueue {
    enum Action: Equatable {
        /// Forward these bytes and ask again.
        case write(ByteBuffer)
        /// Forward these bytes and ask again after the time.
        case writeThenWait(ByteBuffer, TimeAmount)
        /// Forward the end of the stream.
        case end
        /// Ask again at this time.
        case wait(until: NIODeadline)
        /// Nothing to do until there is more, or another fault.
        case nothing
    }

    private enum Item {
        case bytes(ByteBuffer)
        case end
    }

    static let gapBetweenBytes = TimeAmount.microseconds(50)

    private var items = CircularBuffer<(item: Item, arrival: NIODeadline)>()
    private var hasEnded = false

    mutating func append(_ bytes: ByteBuffer, at arrival: NIODeadline) {
        guard bytes.readableBytes > 0, !hasEnded else { return }
        items.append((.bytes(bytes), arrival))
    }

    /// Notes that the sender will send no more. Only the first call counts.
    mutating func appendEnd(at arrival: NIODeadline) {
        guard !hasEnded else { return }
        hasEnded = true
        items.append((.end, arrival))
    }

    mutating func next(under fault: Fault, direction: Fault.Direction, now: NIODeadline) -> Action {
        guard let first = items.first else { return .nothing }
        switch fault.kind {
        case .none:
            return take()
        case .refuse:
            // The connection is about to be reset.
            return .nothing
        case .stall(let directions):
            return directions.includes(direction) ? .nothing : take()
        case .delay(let delay):
            let due = first.arrival + TimeAmount(delay)
            return due <= now ? take() : .wait(until: due)
        case .splitBytes:
            guard case .bytes(var bytes) = first.item, let byte = bytes.readSlice(length: 1) else { return take() }
            if bytes.readableBytes > 0 {
                items[items.startIndex].item = .bytes(bytes)
            } else {
                items.removeFirst()
            }
            return .writeThenWait(byte, Self.gapBetweenBytes)
        }
    }

    private mutating func take() -> Action {
        switch items.removeFirst().item {
        case .bytes(let bytes): .write(bytes)
        case .end: .end
        }
    }
}
