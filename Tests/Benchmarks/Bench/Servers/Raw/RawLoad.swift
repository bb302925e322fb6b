import Beanstalk
import DelayQueue
import Foundation
import NIOCore

/// The ceilings: the commands of a measurement, made beforehand and pushed through bare sockets.
struct RawLoad: Sendable {
    let nodes: [RawAddress]
    let ledger: RawAddress
    let tube: TubeName
    let standbyTube: TubeName

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

    /// The same puts that a producer sends, with a copy on every node.
    ///
    /// The names of standbys are as long as real ones, and name nothing: nodes tell the numbers only once they have them.
    func puts(jobs: Int, body: ByteBuffer, due: Timestamp, mode: CopyMode) -> RawPuts {
        var puts = RawPuts(nodes: nodes.count, jobs: jobs)
        let delay = (try? PutDelay.seconds(until: due, now: .now())) ?? 0
        let priority = DuePriority.encode(fireTime: due, priority: .normal)
        let copies = nodes.count
        let servers = nodes.map { _ in ServerID(.random(in: 0 ... .max)) }
        var buffer = ByteBuffer()
        for job in 0..<jobs {
            let template = EnvelopeTemplate(
                id: .random(), fireTime: due, timeToRun: 30, priority: priority, headers: [:], body: body)
            let lead = mode == .standby ? RawPuts.leadNode(of: job, nodes: copies) : nil
            for copy in nodes.indices {
                let isStandby = lead.map { $0 != copy } ?? false
                let role: CopyRole =
                    if isStandby {
                        .standby(leadOn: lead.map { servers[$0] })
                    } else if lead != nil {
                        .lead(
                            on: lead.map { servers[$0] },
                            naming: nodes.indices.filter { $0 != copy }.map {
                                CopyName(index: $0, server: servers[$0], id: BeanstalkJobID(UInt64(100_000 + job)))
                            })
                    } else {
                        .alone
                    }
                buffer.clear()
                BeanstalkCommand.writePut(
                    priority: isStandby ? DuePriority.ofStandby(priority) : priority,
                    delay: isStandby ? StandbyDelay.after(delay) : delay, ttr: 30,
                    bodySize: template.size(copy: copy, copies: copies, role: role), into: &buffer
                ) { template.write(copy: copy, copies: copies, role: role, to: $0) }
                if isStandby {
                    puts.standby[copy].append(buffer.readableBytesView)
                } else {
                    puts.main[copy].append(buffer.readableBytesView)
                }
            }
        }
        return puts
    }

    // MARK: Producing

    /// Sends puts to all nodes at once.
    ///
    /// - Parameter underWay: the most jobs that are not yet stored everywhere, as with callers that wait for theirs, and a
    ///   lead then waits for its standbys; by default, no node waits for the others.
    /// - Returns: for each node the numbers it gave the jobs.
    func put(_ puts: RawPuts, underWay: Int? = nil) throws -> (ids: [[UInt64]], traffic: Traffic) {
        let progress = PutProgress(puts, underWay: underWay)
        let pipes = try putPipes(puts, progress, depth: underWay ?? 512)
        try RawPipe.drive(pipes) { progress.stored == puts.count }
        return (progress.ids, traffic(pipes, commands: puts.count))
    }

    /// Puts one job at a time on every node, and waits for the slowest before the next; where a job has a lead, it waits
    /// for the slowest standby before that too.
    ///
    /// - Returns: how long each took, and the numbers the nodes gave them.
    func putOneByOne(_ puts: RawPuts) throws -> (times: [Duration], ids: [[UInt64]]) {
        let progress = PutProgress(puts, underWay: 0)
        let pipes = try putPipes(puts, progress, depth: 4)
        var times: [Duration] = []
        times.reserveCapacity(puts.jobs)
        while times.count < puts.jobs {
            let start = ContinuousClock.now
            progress.begun += 1
            try RawPipe.drive(pipes) { progress.stored == progress.begun * nodes.count }
            times.append(ContinuousClock.now - start)
        }
        // The first turn chooses the tubes besides.
        return (Array(times.dropFirst()), progress.ids)
    }

    /// A pipe for each tube of each node.
    private func putPipes(_ puts: RawPuts, _ progress: PutProgress, depth: Int) throws -> [RawPipe] {
        var pipes: [RawPipe] = []
        for (isStandby, requests) in [(true, puts.standby), (false, puts.main)]
        where isStandby == false || puts.hasStandbys {
            for node in nodes.indices {
                var dealer = RawRequests.Dealer(requests[node])
                pipes.append(
                    try pipe(to: node, opening: isStandby ? .useStandby : .use, depth: depth) { count, bytes in
                        let room = progress.room(sent: dealer.dealt, node: node, isStandby: isStandby)
                        return dealer.deal(min(count, room ?? count), into: &bytes)
                    } sink: { bytes in
                        try RawReplies.node(
                            bytes, onJob: { progress.store($0, node: node, isStandby: isStandby) })
                    })
            }
        }
        return pipes
    }

    /// Deletes jobs by their numbers, so that a tube is left as it was found.
    func delete(_ ids: [[UInt64]]) throws {
        let states = nodes.map { _ in NodeState() }
        let pipes = try nodes.indices.map { node in
            var next = 0
            return try pipe(to: node, opening: .use, depth: 512) { count, bytes in
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

    /// Reserves and deletes every copy while it claims and completes every job; no command waits for another one's
    /// reply, save that a copy's number is known only once it is reserved.
    ///
    /// - Parameter reserves: how many copies each node has to be reserved: all of them, or the leads it has.
    /// - Parameter standbys: those that are deleted with a lead.
    /// - Parameter calls: of the ledger's scripts.
    func consume(copies: Int, reserves: [Int], standbys: RawStandbys, calls: RawRequests) throws -> Traffic {
        let states = nodes.map { _ in NodeState() }
        final class Answers { var count = 0 }
        let answers = Answers()
        var pipes = try nodes.indices.map { node in
            let state = states[node]
            var asked = 0
            return try pipe(to: node, opening: .watch, depth: 512) { count, bytes in
                var made = state.jobs.count
                for id in state.jobs { Self.writeDelete(id, to: &bytes) }
                state.jobs.removeAll(keepingCapacity: true)
                while made < count, asked < reserves[node] {
                    bytes.append(contentsOf: "reserve-with-timeout 0\r\n".utf8)
                    asked += 1
                    made += 1
                }
                return made
            } sink: { bytes in
                try RawReplies.node(
                    bytes,
                    onJob: { id in
                        state.jobs.append(id)
                        standbys.forEach(besides: id, on: node) { states[$0].jobs.append($1) }
                    }, onDeleted: { state.deleted += 1 })
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
            answers.count == calls.count && states.reduce(0) { $0 + $1.deleted } == copies
        }
        return traffic(pipes, commands: copies + reserves.reduce(0, +) + calls.count)
    }

    // MARK: Helpers

    private final class NodeState {
        var jobs: [UInt64] = []
        var deleted = 0
    }

    /// A connection's first command.
    private enum Opening {
        case use, useStandby, watch
    }

    /// A pipe whose first command chooses the tube.
    private func pipe(
        to node: Int, opening: Opening, depth: Int, source: @escaping RawPipe.Source, sink: @escaping RawPipe.Sink
    ) throws -> RawPipe {
        var isOpened = false
        var isChosen = false
        return try RawPipe(nodes[node], depth: depth) { count, bytes in
            guard !isOpened else { return source(count, &bytes) }
            isOpened = true
            let command =
                switch opening {
                case .use: "use \(tube)\r\n"
                case .useStandby: "use \(standbyTube)\r\n"
                case .watch: "watch \(tube)\r\n"
                }
            bytes.append(contentsOf: command.utf8)
            return 1
        } sink: { bytes in
            guard !isChosen else { return try sink(bytes) }
            let opening = try RawReplies.line(bytes, beginningWith: opening == .watch ? "WATCHING" : "USING")
            isChosen = opening.replies > 0
            guard isChosen else { return opening }
            let rest = try sink(UnsafeRawBufferPointer(rebasing: bytes[opening.bytes...]))
            return (opening.bytes + rest.bytes, opening.replies + rest.replies)
        }
    }

    private func traffic(_ pipes: [RawPipe], commands: Int) -> Traffic {
        Traffic(bytes: pipes.reduce(0) { $0 + $1.bytesMoved }, commands: commands)
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
