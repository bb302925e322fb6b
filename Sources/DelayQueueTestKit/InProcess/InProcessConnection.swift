import Beanstalk
import NIOCore
import PipelinedTransport

/// A client's connection to an ``InProcessNode``: reads its commands, one after the other, and answers them.
final class InProcessConnection: ByteChannel {
    private static let defaultTube = "default"

    private unowned let node: InProcessNode
    private let eventLoop: any EventLoop
    private let receive: @Sendable (ByteChannelEvent) -> Void
    private var inbound = ByteBuffer()
    private var outbound = ByteBuffer()
    private var isClosed = false
    private var used = defaultTube
    private var watched = [defaultTube]
    /// The jobs that this connection has reserved.
    var reserved: Set<UInt64> = []
    /// Since when it waits for a job; nil where it does not.
    private(set) var waitsSince: NIODeadline?
    /// Until when; nil for ever.
    private var waitsFor: NIODeadline?

    init(to node: InProcessNode, on eventLoop: any EventLoop, _ receive: @escaping @Sendable (ByteChannelEvent) -> Void)
    {
        self.node = node
        self.eventLoop = eventLoop
        self.receive = receive
    }

    // MARK: ByteChannel

    func send(_ bytes: ByteBuffer) {
        guard !isClosed else { return }
        inbound.writeImmutableBuffer(bytes)
        if waitsSince == nil { work() }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        node.disconnect(self)
    }

    /// The server ends the connection.
    func end() {
        guard !isClosed else { return }
        isClosed = true
        eventLoop.execute { [receive] in receive(.ended(nil)) }
    }

    // MARK: Commands

    /// Answers what has come, up to a reserve that has to wait.
    func work() {
        guard !isClosed, !node.isHung else { return }
        if waitsSince != nil, answerReserve(until: waitsFor) { waitsSince = nil }
        while waitsSince == nil, !isClosed, let line = nextLine() {
            let words = line.split(separator: " ").map(String.init)
            if words.first == "put" {
                guard put(words, line) else { break }
            } else {
                answer(words)
            }
        }
        inbound.discardReadBytes()
        flush()
    }

    private func flush() {
        guard outbound.readableBytes > 0 else { return }
        let bytes = outbound
        outbound = ByteBuffer()
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute {
            let connection = bound.value
            if !connection.isClosed { connection.receive(.bytes(bytes)) }
        }
    }

    private func nextLine() -> String? {
        let view = inbound.readableBytesView
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")), end > view.startIndex else { return nil }
        let line = inbound.readString(length: end - view.startIndex - 1) ?? ""
        inbound.moveReaderIndex(forwardBy: 2)
        return line
    }

    private func reply(_ text: String) { outbound.writeString(text + "\r\n") }

    private func reply(_ head: String, _ body: ByteBuffer) {
        reply("\(head) \(body.readableBytes)")
        outbound.writeImmutableBuffer(body)
        outbound.writeString("\r\n")
    }

    /// - Returns: false where the body has not come yet.
    private func put(_ words: [String], _ line: String) -> Bool {
        guard words.count == 5, let priority = UInt32(words[1]), let delay = UInt32(words[2]),
            let timeToRun = UInt32(words[3]), let size = Int(words[4])
        else {
            reply("BAD_FORMAT")
            return true
        }
        guard size >= 0, inbound.readableBytes >= size + 2, let body = inbound.readSlice(length: size) else {
            // Read again once there is more: the line is put back, with its end.
            inbound.moveReaderIndex(to: inbound.readerIndex - line.utf8.count - 2)
            return false
        }
        guard inbound.readString(length: 2) == "\r\n" else {
            reply("EXPECTED_CRLF")
            return true
        }
        guard size <= node.largestBody else {
            reply("JOB_TOO_BIG")
            return true
        }
        let id = node.put(body, into: used, priority: priority, delay: delay, timeToRun: Int64(timeToRun))
        reply("INSERTED \(id)")
        wakeOthers()
        return true
    }

    /// Somebody may wait for what was put, or is to be told when it is ready.
    private func wakeOthers() {
        let bound = NIOLoopBound(node, eventLoop: eventLoop)
        eventLoop.execute { bound.value.serve() }
    }

    private func answer(_ words: [String]) {
        let id = words.count > 1 ? UInt64(words[1]) : nil
        switch (words.first ?? "", id) {
        case ("use", _) where words.count == 2:
            used = words[1]
            reply("USING \(used)")
        case ("watch", _) where words.count == 2:
            if !watched.contains(words[1]) { watched.append(words[1]) }
            reply("WATCHING \(watched.count)")
        case ("ignore", _) where words.count == 2:
            if watched == [words[1]] { return reply("NOT_IGNORED") }
            watched.removeAll { $0 == words[1] }
            reply("WATCHING \(watched.count)")
        case ("reserve", _):
            reserve(until: nil)
        case ("reserve-with-timeout", let seconds?):
            reserve(until: eventLoop.now + .seconds(Int64(clamping: seconds)))
        case ("reserve-job", let id?):
            reply(reserved: node.reserve(id, by: self), otherwise: "NOT_FOUND")
        case ("delete", let id?):
            reply(node.delete(id, by: self) ? "DELETED" : "NOT_FOUND")
        case ("release", let id?):
            guard let priority = number(words, 2), let delay = number(words, 3) else { return reply("BAD_FORMAT") }
            let isReleased = node.release(id, priority: priority, delay: delay, by: self)
            reply(isReleased ? "RELEASED" : "NOT_FOUND")
        case ("bury", let id?):
            guard let priority = number(words, 2) else { return reply("BAD_FORMAT") }
            reply(node.bury(id, priority: priority, by: self) ? "BURIED" : "NOT_FOUND")
        case ("touch", let id?):
            reply(node.touch(id, by: self) ? "TOUCHED" : "NOT_FOUND")
        case ("kick-job", let id?):
            reply(node.kick(id) ? "KICKED" : "NOT_FOUND")
        case ("peek", let id?):
            reply(found: node.job(id))
        case ("peek-ready", _):
            reply(found: first { if case .ready = $0.state { 0 } else { nil } })
        case ("peek-delayed", _):
            reply(found: first { if case .delayed(let until) = $0.state { until.nanoseconds } else { nil } })
        case ("peek-buried", _):
            reply(found: first { if case .buried = $0.state { 0 } else { nil } })
        case ("stats", _):
            reply("OK", node.statistics)
        case ("stats-job", let id?):
            if let job = node.job(id) { reply("OK", node.statistics(of: job)) } else { reply("NOT_FOUND") }
        case ("stats-tube", _) where words.count == 2:
            if let text = node.statistics(ofTube: words[1]) { reply("OK", text) } else { reply("NOT_FOUND") }
        case ("quit", _):
            isClosed = true
            node.disconnect(self)
            eventLoop.execute { [receive] in receive(.ended(nil)) }
        default:
            reply("UNKNOWN_COMMAND")
        }
    }

    private func number(_ words: [String], _ index: Int) -> UInt32? {
        index < words.count ? UInt32(words[index]) : nil
    }

    private func reply(reserved job: InProcessNode.StoredJob?, otherwise: String) {
        guard let job else { return reply(otherwise) }
        reply("RESERVED \(job.id)", job.body)
    }

    private func reply(found job: InProcessNode.StoredJob?) {
        guard let job else { return reply("NOT_FOUND") }
        reply("FOUND \(job.id)", job.body)
    }

    /// The first job of the used tube by a rank; nil leaves a job out.
    private func first(_ rank: (InProcessNode.StoredJob) -> Int64?) -> InProcessNode.StoredJob? {
        var best: (rank: Int64, job: InProcessNode.StoredJob)?
        for job in node.allJobs where job.tube == used {
            guard let rank = rank(job), best.map({ rank < $0.rank }) ?? true else { continue }
            best = (rank, job)
        }
        return best?.job
    }

    // MARK: Reserving

    /// When a wait for a job ends without one: as its time is over, or as a reservation of the connection soon is.
    var waitsUntil: NIODeadline? {
        guard waitsSince != nil else { return nil }
        let warning = node.firstEnd(of: reserved).map { $0 - .seconds(1) }
        return [waitsFor, warning].compactMap { $0 }.min()
    }

    /// - Parameter until: nil waits for ever.
    private func reserve(until: NIODeadline?) {
        guard !answerReserve(until: until) else { return }
        waitsSince = eventLoop.now
        waitsFor = until
        // So that the node knows when to look at this connection again.
        wakeOthers()
    }

    /// - Returns: false where there is nothing to say yet.
    private func answerReserve(until: NIODeadline?) -> Bool {
        node.advance()
        if node.firstEnd(of: reserved).map({ $0 - .seconds(1) <= eventLoop.now }) ?? false {
            reply("DEADLINE_SOON")
        } else if let job = node.reserve(from: watched, by: self) {
            reply(reserved: job, otherwise: "TIMED_OUT")
        } else if let until, until <= eventLoop.now {
            reply("TIMED_OUT")
        } else {
            return false
        }
        return true
    }
}
