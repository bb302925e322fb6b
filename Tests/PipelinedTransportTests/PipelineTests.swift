import NIOCore
import Testing

@testable import PipelinedTransport

@Suite("Pipeline decisions")
struct PipelineTests {
    typealias Machine = Pipeline<String, String>

    /// A machine with one ready connection.
    static func ready(preamble: Int = 0) -> Machine {
        var machine = Machine(preambleCount: preamble, backoff: .init(jitter: 0))
        _ = machine.enqueue(entry(machine.makeID(), "first"), boundTo: nil, now: .at(0))
        _ = machine.opened(machine.generation)
        for index in 0..<preamble { _ = machine.received("hello \(index)") }
        if preamble > 0 { _ = machine.preambleAccepted(by: nil) }
        _ = machine.received("reply to first")
        return machine
    }

    static func entry(
        _ id: UInt64, _ waiter: String, count: Int = 1, deadline: NIODeadline? = nil,
        whenAbandoned: (@Sendable (Int, String) -> ByteBuffer?)? = nil,
        accepts: (@Sendable (Int, String) -> Bool)? = nil
    ) -> Machine.Entry {
        Machine.Entry(
            id: id, bytes: ByteBuffer(string: waiter), count: count, deadline: deadline, waiter: waiter,
            whenAbandoned: whenAbandoned, accepts: accepts)
    }

    @Test func `the first request connects, the next ones wait, all are written when it opens`() throws {
        var machine = Machine(preambleCount: 0, backoff: .init())
        #expect(machine.isIdle)
        guard case .connect = machine.enqueue(Self.entry(machine.makeID(), "a"), boundTo: nil, now: .at(0)) else {
            Issue.record("the first request must connect")
            return
        }
        guard case .wait = machine.enqueue(Self.entry(machine.makeID(), "b"), boundTo: nil, now: .at(0)) else {
            Issue.record("a request during the connect must wait")
            return
        }
        guard case .write(let waiting) = machine.opened(machine.generation) else {
            Issue.record("without a preamble the waiting requests are written")
            return
        }
        #expect(waiting.map { String(buffer: $0) } == ["a", "b"])
    }

    @Test func `a reply that cannot answer its request is a violation, also where nobody waits any more`() {
        for isCancelled in [false, true] {
            var machine = Self.ready()
            let id = machine.makeID()
            _ = machine.enqueue(
                Self.entry(id, "a", count: 2, accepts: { index, reply in reply == "good \(index)" }), boundTo: nil,
                now: .at(0))
            if isCancelled { #expect(machine.cancel(id)?.code == .cancelled) }
            guard case .none = machine.received("good 0"), case .violation = machine.received("good 0") else {
                Issue.record("the second reply is not the one to the second request")
                return
            }
            let failures = machine.ended(as: .protocolViolation, now: .at(0), chance: 0)
            #expect(failures.map(\.replies) == (isCancelled ? [] : [["good 0"]]))
            // However well it answered before, it is not called again at once.
            guard
                case .fail(let failure) = machine.enqueue(Self.entry(machine.makeID(), "b"), boundTo: nil, now: .at(0))
            else {
                Issue.record("the next request must wait for the backoff")
                return
            }
            #expect(failure.code == .backingOff)
        }
    }

    @Test func `requests are written only after the preamble is accepted`() {
        var machine = Machine(preambleCount: 2, backoff: .init())
        _ = machine.enqueue(Self.entry(machine.makeID(), "a"), boundTo: nil, now: .at(0))
        guard case .greet = machine.opened(machine.generation) else {
            Issue.record("the preamble goes first")
            return
        }
        guard case .none = machine.received("one"), case .verifyPreamble(let replies) = machine.received("two") else {
            Issue.record("both preamble replies are collected")
            return
        }
        #expect(replies == ["one", "two"])
        #expect(machine.isGreeting)
        #expect(machine.preambleAccepted(by: nil).count == 1)
        #expect(!machine.isGreeting)
        #expect(machine.status.phase == .ready)
    }

    @Test func `what the peer told of itself belongs to its connection, and to none after it`() {
        var machine = Machine(preambleCount: 1, backoff: .init())
        _ = machine.enqueue(Self.entry(machine.makeID(), "a"), boundTo: nil, now: .at(0))
        _ = machine.opened(machine.generation)
        #expect(machine.status.generation.peer == nil)
        _ = machine.received("7")
        _ = machine.preambleAccepted(by: 7)
        #expect(machine.status.generation == ConnectionGeneration(1) && machine.status.generation.peer == 7)
        let bound = machine.enqueue(
            Self.entry(machine.makeID(), "b"), boundTo: ConnectionGeneration(1, peer: 8), now: .at(0))
        guard case .write = bound else {
            Issue.record("only the number counts")
            return
        }
        _ = machine.disconnected()
        _ = machine.enqueue(Self.entry(machine.makeID(), "c"), boundTo: nil, now: .at(0))
        #expect(machine.status.generation == ConnectionGeneration(2) && machine.status.generation.peer == nil)
    }

    @Test func `replies complete requests in order, batches with their last reply`() {
        var machine = Self.ready()
        _ = machine.enqueue(Self.entry(machine.makeID(), "batch", count: 2), boundTo: nil, now: .at(0))
        _ = machine.enqueue(Self.entry(machine.makeID(), "single"), boundTo: nil, now: .at(0))
        guard case .none = machine.received("1"),
            case .complete("batch", let replies) = machine.received("2"),
            case .complete("single", let last) = machine.received("3")
        else {
            Issue.record("replies went to the wrong waiters")
            return
        }
        #expect(replies == ["1", "2"])
        #expect(last == ["3"])
        guard case .violation = machine.received("4") else {
            Issue.record("a reply nobody asked for is a violation")
            return
        }
    }

    @Test func `a cancelled request leaves a tombstone that swallows its reply only`() {
        var machine = Self.ready()
        let first = machine.makeID()
        _ = machine.enqueue(Self.entry(first, "first"), boundTo: nil, now: .at(0))
        _ = machine.enqueue(Self.entry(machine.makeID(), "second"), boundTo: nil, now: .at(0))
        let failure = machine.cancel(first)
        #expect(failure?.waiter == "first")
        #expect(failure?.mayHaveBeenSent == true)
        #expect(failure?.code == .cancelled)
        #expect(machine.cancel(first) == nil, "a second cancellation finds nobody")
        guard case .none = machine.received("late"), case .complete("second", let replies) = machine.received("b")
        else {
            Issue.record("the other request lost its reply")
            return
        }
        #expect(replies == ["b"])
    }

    @Test func `an abandoned reply may send one more request, whose reply is dropped`() {
        var machine = Self.ready()
        let id = machine.makeID()
        _ = machine.enqueue(
            Self.entry(
                id, "put", count: 2, whenAbandoned: { index, reply in ByteBuffer(string: "undo \(index) \(reply)") }),
            boundTo: nil, now: .at(0))
        _ = machine.cancel(id)
        guard case .send(let first) = machine.received("x"), case .send(let second) = machine.received("y") else {
            Issue.record("both replies of the batch are undone")
            return
        }
        #expect(String(buffer: first) == "undo 0 x")
        #expect(String(buffer: second) == "undo 1 y")
        #expect(machine.status.unanswered == 2)
        guard case .none = machine.received("undone"), case .none = machine.received("undone") else {
            Issue.record("replies to undo requests are dropped")
            return
        }
        #expect(machine.status.unanswered == 0)
    }

    @Test func `requests are found to be cancelled in whatever order they came`() {
        var machine = Self.ready()
        let ids = (0..<5).map { _ in machine.makeID() }
        for index in [3, 0, 4, 2, 1] {
            _ = machine.enqueue(Self.entry(ids[index], "\(index)"), boundTo: nil, now: .at(0))
        }
        for index in ids.indices { #expect(machine.cancel(ids[index])?.waiter == "\(index)") }
    }

    @Test func `a request cancelled before it was written certainly never reached the server`() {
        var machine = Machine(preambleCount: 0, backoff: .init())
        let id = machine.makeID()
        _ = machine.enqueue(Self.entry(id, "a"), boundTo: nil, now: .at(0))
        #expect(machine.cancel(id)?.mayHaveBeenSent == false)
        guard case .write(let waiting) = machine.opened(machine.generation) else {
            Issue.record("the connection still opens")
            return
        }
        #expect(waiting.isEmpty)
    }

    @Test func `deadlines are looked at wherever they are in the queue`() {
        var machine = Self.ready()
        _ = machine.enqueue(Self.entry(machine.makeID(), "blocking", deadline: .at(100)), boundTo: nil, now: .at(0))
        _ = machine.enqueue(Self.entry(machine.makeID(), "short", deadline: .at(5)), boundTo: nil, now: .at(0))
        _ = machine.enqueue(Self.entry(machine.makeID(), "endless"), boundTo: nil, now: .at(0))
        #expect(machine.nextDeadline == .at(5))
        #expect(machine.expire(now: .at(4)).isEmpty)
        let expired = machine.expire(now: .at(5))
        #expect(expired.map(\.waiter) == ["short"])
        #expect(expired.first?.code == .timedOut)
        #expect(machine.nextDeadline == .at(100))
    }

    @Test func `a lost connection fails what was sent, with the replies so far`() {
        var machine = Self.ready()
        _ = machine.enqueue(Self.entry(machine.makeID(), "batch", count: 3), boundTo: nil, now: .at(0))
        _ = machine.received("1")
        let failures = machine.ended(as: .connectionLost, now: .at(1), chance: 0)
        #expect(failures.count == 1)
        #expect(failures.first?.replies == ["1"])
        #expect(failures.first?.mayHaveBeenSent == true)
        guard case .connect = machine.enqueue(Self.entry(machine.makeID(), "b"), boundTo: nil, now: .at(1)) else {
            Issue.record("a connection that had answered is made anew at once")
            return
        }
    }

    @Test func `failed connects back off twice as long each time, and requests inside fail at once`() {
        var machine = Machine(
            preambleCount: 0, backoff: .init(initial: .seconds(1), maximum: .seconds(3), jitter: 0))
        var now = NIODeadline.at(0)
        for wait in [1, 2, 3, 3] {
            guard case .connect = machine.enqueue(Self.entry(machine.makeID(), "a"), boundTo: nil, now: now) else {
                Issue.record("an attempt is due at \(now)")
                return
            }
            let failures = machine.ended(as: .connectFailed, now: now, chance: 0.3)
            #expect(failures.map(\.retryAfter) == [.seconds(wait)])
            #expect(failures.map(\.mayHaveBeenSent) == [false])
            let inside = machine.enqueue(
                Self.entry(machine.makeID(), "b"), boundTo: nil, now: now + .seconds(Int64(wait)) - .milliseconds(1))
            guard case .fail(let failure) = inside else {
                Issue.record("a request inside the backoff must fail at once")
                return
            }
            #expect(failure.code == .backingOff)
            #expect(failure.retryAfter == .milliseconds(1))
            now = now + .seconds(Int64(wait))
        }
    }

    @Test func `a batch bound to a generation is never sent on the next connection`() {
        var machine = Self.ready()
        let old = machine.generation
        _ = machine.ended(as: .connectionLost, now: .at(1), chance: 0)
        guard
            case .fail(let idle) = machine.enqueue(Self.entry(machine.makeID(), "a"), boundTo: old, now: .at(2)),
            case .connect = machine.enqueue(Self.entry(machine.makeID(), "b"), boundTo: nil, now: .at(2)),
            case .write = machine.opened(machine.generation),
            case .fail(let ready) = machine.enqueue(Self.entry(machine.makeID(), "c"), boundTo: old, now: .at(2)),
            case .write = machine.enqueue(Self.entry(machine.makeID(), "d"), boundTo: machine.generation, now: .at(2))
        else {
            Issue.record("bound batches go out on their own connection only")
            return
        }
        #expect(idle.code == .staleGeneration)
        #expect(ready.code == .staleGeneration)
        #expect(!ready.mayHaveBeenSent)
    }

    @Test func `a connection that opens after it was given up is closed`() {
        var machine = Machine(preambleCount: 0, backoff: .init())
        _ = machine.enqueue(Self.entry(machine.makeID(), "a"), boundTo: nil, now: .at(0))
        let generation = machine.generation
        _ = machine.ended(as: .connectFailed, now: .at(1), chance: 0)
        guard case .close = machine.opened(generation) else {
            Issue.record("nobody wants it any more")
            return
        }
    }

    @Test func `closing refuses new requests and is drained with the last reply`() {
        var machine = Self.ready()
        _ = machine.enqueue(Self.entry(machine.makeID(), "a"), boundTo: nil, now: .at(0))
        machine.beginClosing()
        #expect(!machine.isDrained)
        guard case .fail(let failure) = machine.enqueue(Self.entry(machine.makeID(), "b"), boundTo: nil, now: .at(0))
        else {
            Issue.record("a closing connection takes nothing")
            return
        }
        #expect(failure.code == .closed)
        _ = machine.received("a")
        #expect(machine.isDrained)
    }
}

extension NIODeadline {
    static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000) + .seconds(seconds) }
}
