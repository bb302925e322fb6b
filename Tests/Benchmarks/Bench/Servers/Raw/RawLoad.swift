import Beanstalk
import DelayQueue
import Foundation
import NIOCore

/// The ceilings: the commands of a measurement, made beforehand and pushed through bare sockets.
struct RawLoad: Sendable {
    let nodes: [RawAddress]
    let ledger: RawAddress
    let tube: TubeName

    /// What went over the wire.
    struct Traffic: Sendable {
        var bytes = 0
        var commands = 0
    }

    /// Runs work that blocks on a thread of its own, away from tasks and event loops.
    func onThread<Result: Sendable>(_ work: @escaping @Sendable (RawLoad) throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Swift.Result { try work(self) })
            }
        }
    }

    /// The same puts that a producer sends, for each node.
    func puts(jobs: Int, body: ByteBuffer, due: Timestamp) -> [RawRequests] {
        var puts = nodes.map { _ in RawRequests() }
        let delay = (try? PutDelay.seconds(until: due, now: .now())) ?? 0
        let priority = DuePriority.encode(fireTime: due, priority: .normal)
        let copies = nodes.count
        var buffer = ByteBuffer()
        for _ in 0..<jobs {
            let template = EnvelopeTemplate(
                id: .random(), fireTime: due, timeToRun: 30, priority: priority, headers: [:], body: body)
            for copy in nodes.indices {
                buffer.clear()
                BeanstalkCommand.writePut(
                    priority: priority, delay: delay, ttr: 30, bodySize: template.size(copy: copy, copies: copies),
                    into: &buffer
                ) { template.write(copy: copy, copies: copies, to: $0) }
                puts[copy].append(buffer.readableBytesView)
            }
        }
        return puts
    }

    // MARK: Producing

    /// Sends puts to all nodes at once.
    ///
    /// - Parameter underWay: the most jobs that are not yet stored everywhere, as with callers that wait for theirs; by
    ///   default, no node waits for the others.
    /// - Returns: for each node the numbers it gave the jobs.
    func put(_ puts: [RawRequests], underWay: Int? = nil) throws -> (ids: [[UInt64]], traffic: Traffic) {
        let states = nodes.map { _ in NodeState() }
        let pipes = try nodes.indices.map { node in
            var dealer = RawRequests.Dealer(puts[node])
            return try pipe(to: node, opening: "use", depth: underWay ?? 512) { count, bytes in
                let room = underWay.map { Self.room(of: $0, sent: dealer.dealt, stored: states.map(\.jobs.count)) }
                return dealer.deal(min(count, room ?? count), into: &bytes)
            } sink: { bytes in
                try RawReplies.node(bytes, onJob: { states[node].jobs.append($0) })
            }
        }
        try RawPipe.drive(pipes) { zip(states, puts).allSatisfy { $0.jobs.count == $1.count } }
        return (states.map(\.jobs), traffic(pipes, commands: puts.reduce(0) { $0 + $1.count }))
    }

    /// How many more puts a node may be sent where only so many jobs may be under way.
    ///
    /// - Parameter stored: the jobs that each node has stored.
    static func room(of underWay: Int, sent: Int, stored: [Int]) -> Int {
        let room = (stored.min() ?? 0) + underWay - sent
        // A quarter or nothing, as with the depth of a pipe: the slowest node would have the others write one by one.
        return room >= max(underWay / 4, 1) ? room : 0
    }

    /// Puts one job at a time on every node, and waits for the slowest before the next.
    ///
    /// - Returns: how long each took, and the numbers the nodes gave them.
    func putOneByOne(_ puts: [RawRequests]) throws -> (times: [Duration], ids: [[UInt64]]) {
        final class Turn { var number = 0 }
        let turn = Turn()
        let states = nodes.map { _ in NodeState() }
        let pipes = try nodes.indices.map { node in
            var dealer = RawRequests.Dealer(puts[node])
            return try pipe(to: node, opening: "use", depth: 4) { _, bytes in
                dealer.dealt < turn.number ? dealer.deal(1, into: &bytes) : 0
            } sink: { bytes in
                try RawReplies.node(bytes, onJob: { states[node].jobs.append($0) })
            }
        }
        let count = puts.map(\.count).min() ?? 0
        var times: [Duration] = []
        times.reserveCapacity(count)
        while turn.number < count {
            let start = ContinuousClock.now
            turn.number += 1
            try RawPipe.drive(pipes) { states.allSatisfy { $0.jobs.count == turn.number } }
            times.append(ContinuousClock.now - start)
        }
        // The first turn chooses the tube besides.
        return (Array(times.dropFirst()), states.map(\.jobs))
    }

    /// Deletes jobs by their numbers, so that a tube is left as it was found.
    func delete(_ ids: [[UInt64]]) throws {
        let states = nodes.map { _ in NodeState() }
        let pipes = try nodes.indices.map { node in
            var next = 0
            return try pipe(to: node, opening: "use", depth: 512) { count, bytes in
                let range = next..<min(next + count, ids[node].count)
                for id in ids[node][range] { Self.writeDelete(id, to: &bytes) }
                next = range.upperBound
                return range.count
            } sink: { bytes in
                try RawReplies.node(bytes, onJob: { _ in }, onDeleted: { states[node].deleted += 1 })
            }
        }
        try RawPipe.drive(pipes) { zip(states, ids).allSatisfy { $0.deleted == $1.count } }
    }

    // MARK: Consuming

    /// Reserves copies, which are given back with the end of the connections.
    ///
    /// - Parameter counts: how many each node has ready.
    /// - Returns: for each node the numbers of these copies.
    func reserve(_ counts: [Int]) throws -> [[UInt64]] {
        let states = nodes.map { _ in NodeState() }
        let pipes = try nodes.indices.map { node in
            var asked = 0
            return try pipe(to: node, opening: "watch", depth: 512) { count, bytes in
                let made = min(count, counts[node] - asked)
                for _ in 0..<made { Self.writeReserve(to: &bytes) }
                asked += made
                return made
            } sink: { bytes in
                try RawReplies.node(bytes, onJob: { states[node].jobs.append($0) })
            }
        }
        try RawPipe.drive(pipes) { zip(states, counts).allSatisfy { $0.jobs.count == $1 } }
        return states.map(\.jobs)
    }

    /// Reserves and deletes copies, and deletes others, while it claims and completes every job; no command waits for
    /// another one's reply, save that a copy's number is known only once it is reserved.
    ///
    /// - Parameter counts: how many copies each node has ready.
    /// - Parameter standbys: the numbers of each node's others.
    /// - Parameter calls: of the ledger's scripts.
    func consume(_ counts: [Int], deleting standbys: [[UInt64]], calls: RawRequests) throws -> Traffic {
        let states = nodes.map { _ in NodeState() }
        final class Answers { var count = 0 }
        let answers = Answers()
        var pipes = try nodes.indices.map { node in
            let state = states[node]
            var asked = 0
            var next = 0
            return try pipe(to: node, opening: "watch", depth: 512) { count, bytes in
                var made = state.jobs.count
                for id in state.jobs { Self.writeDelete(id, to: &bytes) }
                state.jobs.removeAll(keepingCapacity: true)
                while made < count, asked < counts[node] {
                    Self.writeReserve(to: &bytes)
                    asked += 1
                    made += 1
                }
                while made < count, next < standbys[node].count {
                    Self.writeDelete(standbys[node][next], to: &bytes)
                    next += 1
                    made += 1
                }
                return made
            } sink: { bytes in
                try RawReplies.node(bytes, onJob: { state.jobs.append($0) }, onDeleted: { state.deleted += 1 })
            }
        }
        var dealer = RawRequests.Dealer(calls)
        pipes.append(
            try RawPipe(ledger, depth: 512) { count, bytes in
                dealer.deal(count, into: &bytes)
            } sink: { bytes in
                let taken = try RawReplies.bulks(bytes)
                answers.count += taken.replies
                return taken
            })
        try RawPipe.drive(pipes) {
            answers.count == calls.count
                && nodes.indices.allSatisfy { states[$0].deleted == counts[$0] + standbys[$0].count }
        }
        let commands = counts.reduce(0) { $0 + $1 * 2 } + standbys.reduce(0) { $0 + $1.count } + calls.count
        return traffic(pipes, commands: commands)
    }

    // MARK: Helpers

    private final class NodeState {
        var jobs: [UInt64] = []
        var deleted = 0
    }

    /// A pipe whose first command chooses the tube.
    private func pipe(
        to node: Int, opening verb: String, depth: Int, source: @escaping RawPipe.Source, sink: @escaping RawPipe.Sink
    ) throws -> RawPipe {
        var isOpened = false
        var isChosen = false
        return try RawPipe(nodes[node], depth: depth) { count, bytes in
            guard !isOpened else { return source(count, &bytes) }
            isOpened = true
            bytes.append(contentsOf: "\(verb) \(tube)\r\n".utf8)
            return 1
        } sink: { bytes in
            guard !isChosen else { return try sink(bytes) }
            let opening = try RawReplies.line(bytes, beginningWith: verb == "use" ? "USING" : "WATCHING")
            isChosen = opening.replies > 0
            guard isChosen else { return opening }
            let rest = try sink(UnsafeRawBufferPointer(rebasing: bytes[opening.bytes...]))
            return (opening.bytes + rest.bytes, opening.replies + rest.replies)
        }
    }

    private func traffic(_ pipes: [RawPipe], commands: Int) -> Traffic {
        Traffic(bytes: pipes.reduce(0) { $0 + $1.bytesMoved }, commands: commands)
    }

    private static func writeReserve(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "reserve-with-timeout 0\r\n".utf8)
    }

    private static func writeDelete(_ id: UInt64, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "delete ".utf8)
        append(id, to: &bytes)
        bytes.append(contentsOf: "\r\n".utf8)
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        if number >= 10 { append(number / 10, to: &bytes) }
        bytes.append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
