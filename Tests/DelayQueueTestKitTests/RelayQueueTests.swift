import NIOCore
import Testing

@testable import DelayQueueTestKit

@Suite("Relay queue")
struct RelayQueueTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func passesBytesThenTheEnd() {
        var queue = RelayQueue()
        queue.append(ByteBuffer(string: "ab"), at: start)
        queue.append(ByteBuffer(), at: start)
        queue.append(ByteBuffer(string: "c"), at: start)
        queue.appendEnd(at: start)
        queue.appendEnd(at: start)
        #expect(queue.next(under: .none, direction: .toServer, now: start) == .write(ByteBuffer(string: "ab")))
        #expect(queue.next(under: .none, direction: .toServer, now: start) == .write(ByteBuffer(string: "c")))
        #expect(queue.next(under: .none, direction: .toServer, now: start) == .end)
        #expect(queue.next(under: .none, direction: .toServer, now: start) == .nothing)
    }

    @Test func stallHoldsItsDirectionOnly() {
        var queue = RelayQueue()
        queue.append(ByteBuffer(string: "a"), at: start)
        #expect(queue.next(under: .stall(.toServer), direction: .toServer, now: start) == .nothing)
        #expect(queue.next(under: .stall(.both), direction: .toServer, now: start) == .nothing)
        #expect(queue.next(under: .stall(.both), direction: .toClient, now: start) == .nothing)
        #expect(
            queue.next(under: .stall(.toClient), direction: .toServer, now: start) == .write(ByteBuffer(string: "a")))
    }

    @Test func delayCountsFromTheArrival() {
        var queue = RelayQueue()
        queue.append(ByteBuffer(string: "a"), at: start)
        queue.appendEnd(at: start + .milliseconds(5))
        let delay = Fault.delay(.milliseconds(10))
        #expect(
            queue.next(under: delay, direction: .toClient, now: start + .milliseconds(9))
                == .wait(until: start + .milliseconds(10)))
        #expect(
            queue.next(under: delay, direction: .toClient, now: start + .milliseconds(10))
                == .write(ByteBuffer(string: "a")))
        #expect(
            queue.next(under: delay, direction: .toClient, now: start + .milliseconds(10))
                == .wait(until: start + .milliseconds(15)))
        #expect(queue.next(under: delay, direction: .toClient, now: start + .milliseconds(15)) == .end)
    }

    @Test func splitTakesOneByteAtATime() {
        var queue = RelayQueue()
        queue.append(ByteBuffer(string: "ab"), at: start)
        queue.appendEnd(at: start)
        for byte in ["a", "b"] {
            #expect(
                queue.next(under: .splitBytes, direction: .toClient, now: start)
                    == .writeThenWait(ByteBuffer(string: byte), RelayQueue.gapBetweenBytes))
        }
        #expect(queue.next(under: .splitBytes, direction: .toClient, now: start) == .end)
    }

    @Test func restOfSplitBytesPassesWhole() {
        var queue = RelayQueue()
        queue.append(ByteBuffer(string: "abc"), at: start)
        _ = queue.next(under: .splitBytes, direction: .toClient, now: start)
        #expect(queue.next(under: .none, direction: .toClient, now: start) == .write(ByteBuffer(string: "bc")))
    }
}
