package import Beanstalk
package import PipelinedTransport

extension ProducerCore {
    /// Jobs on their way together.
    struct Write {
        /// One job, and where its result belongs.
        struct Entry {
            let job: PreparedJob
            let call: CallID
            let position: Int
        }

        let entries: [Entry]
        let plan: WritePlan
        let began: Uptime
        var fanOut: FanOut
        var nodeErrors = PerNode<any Error>()
        var bodyTooLarge: Set<Int> = []
        /// Calls that were cancelled before enough nodes had answered.
        var cancelled: Set<CallID> = []
        /// Jobs that were stored often enough, of which the ledger was asked for the last word.
        var confirming: Set<Int> = []
        /// Nodes that may still answer puts whose wait is over.
        var late = PerNode<LateNode>()

        init(_ entries: [Entry], plan: WritePlan, minimumWritten: Int, concludesEarly: Bool, began: Uptime) {
            self.entries = entries
            self.plan = plan
            self.began = began
            fanOut = FanOut(
                jobCount: entries.count, minimumWritten: minimumWritten, spares: plan.spares, standbys: plan.standbys,
                later: plan.standbys.isEmpty ? PerNode() : plan.puts, probes: plan.probes,
                concludesEarly: concludesEarly)
        }

        func declaredCopies(of entry: Int) -> Int { entries[entry].job.declaredCopies(plan.copies) }

        /// - Parameter count: how many more replies are due; −1 for one that came, perhaps before it was known to be
        ///   due.
        mutating func expectLate(_ count: Int, from node: Int, on generation: ConnectionGeneration?) {
            var known = late[node] ?? LateNode()
            // What was due on an earlier connection comes no more.
            if let generation, let before = known.generation, before < generation { known = LateNode() }
            known.generation = known.generation ?? generation
            known.count += count
            late[node] = known.count == 0 ? nil : known
        }
    }

    struct LateNode {
        /// The connection that the replies can come on; nil while it is not known how many are due.
        var generation: ConnectionGeneration?
        /// How many replies are due, less those that came.
        var count = 0
    }

    /// What is kept of a write that is over, to decide what becomes of copies that are stored late.
    struct LateWrite {
        var fanOut: FanOut
        var late: PerNode<LateNode>
    }

    // MARK: Begin

    /// - Parameter isChoiceShared: whether all jobs go to the same nodes. Whatever a node does, it then does to every
    ///   one of them, so that no caller waits for a node of another one's jobs.
    mutating func begin(
        _ entries: [Write.Entry], isChoiceShared: Bool, health: inout [NodeChoice.Health], now: Moment,
        using generator: inout some RandomNumberGenerator
    ) {
        let plan = WritePlan(
            jobCount: entries.count, health: health, copies: configuration.copies,
            minimumWritten: configuration.minimumWritten, isChoiceShared: isChoiceShared,
            hasLead: { configuration.copyMode == .standby && entries[$0].job.isNative }, using: &generator)
        // A receipt is enough to revoke a job by if the ledger can be told; without one it must name every copy.
        var write = Write(
            entries, plan: plan, minimumWritten: configuration.minimumWritten, concludesEarly: hasLedger,
            began: now.uptime)
        let id = makeID()
        // Neighbours are mostly of one call.
        var last: CallID?
        for entry in entries where entry.call != last {
            last = entry.call
            calls[entry.call] = calls[entry.call]?.written(in: id)
        }
        var commands: [NodeCommands] = []
        let tube: CopyTube = plan.standbys.isEmpty ? .main : .standby
        for (node, puts) in tube == .main ? plan.puts : plan.standbys {
            write.fanOut.sent(puts, node: node, tube: tube, isAwaited: !plan.probes.contains(node))
            commands.append(putCommands(puts, to: node, tube, of: write, id, now: now))
            // One probe at a time to a slow node.
            health[node].isBusy = true
        }
        if commands.isEmpty {
            _ = write.fanOut.decide()
        } else {
            actions.append(.send(commands))
        }
        advance(id, consume write)
    }

    private func putCommands(
        _ puts: [FanOut.Put], to node: Int, _ tube: CopyTube, of write: Write, _ id: WriteID, now: Moment
    ) -> NodeCommands {
        let puts = puts.map { place in
            let job = write.entries[place.job].job
            let delay = job.putDelay(now: clock.time(now))
            let leadNode = tube == .main ? node : write.fanOut.leadNode(of: place.job)
            let role = write.fanOut.role(of: place, leadOn: leadNode.flatMap { generations[$0]?.serverID })
            return NodeCommands.Put(
                place: place, job: job, copies: write.declaredCopies(of: place.job), role: role,
                priority: role.isStandby ? DuePriority.ofStandby(job.priority) : job.priority,
                delay: role.isStandby ? StandbyDelay.after(delay) : delay)
        }
        return NodeCommands(
            node: node, kind: .put(puts, tube), timeout: configuration.writeTimeout, purpose: .write(id))
    }

    // MARK: Answers

    /// What came of commands; every one that was sent is answered once.
    package mutating func answered(
        _ commands: NodeCommands, _ outcome: BatchOutcome<BeanstalkReply>, now: Moment
    ) {
        let node = commands.node
        if outcome.failure == nil { isSlow[node] = false }
        generations[node] = outcome.generation
        dropLateWrites(of: node, before: outcome.generation)
        switch (commands.purpose, commands.kind) {
        case (.write(let id), .put(let puts, let tube)):
            putsAnswered(puts, tube, of: id, by: node, outcome, now: now)
        case (.clearing(let id, let tube, let replies), _):
            cleared(replies, tube, commands, of: id, outcome, now: now)
        case (.withdrawal(let id, _), _), (.revocation(let id, _), _): removalAnswered(id, by: node, outcome)
        case (.sizeLimit(let id), _): sizeLimitAnswered(id, outcome)
        case (.write, _): break
        }
    }

    private mutating func putsAnswered(
        _ puts: [NodeCommands.Put], _ tube: CopyTube, of id: WriteID, by node: Int,
        _ outcome: BatchOutcome<BeanstalkReply>, now: Moment
    ) {
        // Taken out, so that it is changed in place.
        guard var write = writes.removeValue(forKey: id) else { return }
        if let failure = outcome.failure {
            write.nodeErrors[node] = failure
            // A node that could not be reached is not waited for either when it is tried again.
            if failure.code == .timedOut || failure.code == .connectFailed { markSlow(node) }
            if failure.mayHaveBeenSent, failure.code == .timedOut || failure.code == .cancelled {
                write.expectLate(puts.count - outcome.replies.count, from: node, on: outcome.generation)
            }
        }
        let replies = PutReplies(outcome, count: puts.count)
        // With names it is put again without them.
        for position in replies.tooLarge where puts[position].role.names.isEmpty {
            write.bodyTooLarge.insert(puts[position].place.job)
        }
        if let refusal = replies.refusal {
            write.nodeErrors[node] = BeanstalkError(refusal, address: nodes[node].address)
        }
        if !replies.buried.isEmpty {
            let commands = NodeCommands(
                node: node, kind: .delete(replies.buried.map(\.id)), generation: outcome.generation,
                timeout: configuration.stragglerGrace, purpose: .clearing(id, tube, replies))
            actions.append(.send([commands]))
            writes[id] = consume write
            return
        }
        record(replies.answers, by: node, tube, on: outcome.generation, in: &write, id, now: now)
        advance(id, consume write)
    }

    private mutating func cleared(
        _ replies: PutReplies, _ tube: CopyTube, _ commands: NodeCommands, of id: WriteID,
        _ outcome: BatchOutcome<BeanstalkReply>,
        now: Moment
    ) {
        guard var write = writes.removeValue(forKey: id) else { return }
        var replies = replies
        replies.deleted(outcome.replies)
        // The connection of the puts: the deletes were not sent on another, but may have been refused by it.
        let generation = commands.generation ?? outcome.generation
        record(replies.answers, by: commands.node, tube, on: generation, in: &write, id, now: now)
        advance(id, consume write)
    }

    private mutating func record(
        _ answers: [FanOut.Answer], by node: Int, _ tube: CopyTube, on generation: ConnectionGeneration,
        in write: inout Write, _ id: WriteID, now: Moment
    ) {
        carryOut(write.fanOut.answered(node: node, tube: tube, answers, on: generation), of: &write, id, now: now)
        for (job, copy) in write.fanOut.takeUnwanted() { remove([(job, [copy])], of: write, id, refusals: []) }
    }

    private mutating func carryOut(_ decisions: [FanOut.Action], of write: inout Write, _ id: WriteID, now: Moment) {
        var commands: [NodeCommands] = []
        for decision in decisions {
            switch decision {
            case .send(let puts, let node, .main) where isTooLateForLeads(write, now: now):
                let refused = puts.map { _ in FanOut.Answer.refused(isNodesFault: false) }
                carryOut(write.fanOut.answered(node: node, refused), of: &write, id, now: now)
            case .send(let puts, let node, let tube):
                commands.append(putCommands(puts, to: node, tube, of: write, id, now: now))
            case .startGrace: startGrace(of: write, id, now: now)
            case .finish: if !write.fanOut.isAnswered { actions.append(.stopWaiting(id)) }
            }
        }
        if !commands.isEmpty { actions.append(.send(commands)) }
    }

    /// Whether the process stood still for so long that the jobs may have run, and their records ended: then a lead
    /// would run them again.
    private func isTooLateForLeads(_ write: Write, now: Moment) -> Bool {
        !write.plan.standbys.isEmpty && now.uptime - write.began > configuration.timing.effectiveGrace
    }

    /// Tells the callers of jobs that are decided; keeps a write that is not over, or not wholly answered.
    ///
    /// The waits that were ended are answered too before the last receipts are made: they say which copies are known by
    /// now.
    private mutating func advance(_ id: WriteID, _ write: consuming Write) {
        for (node, count) in write.fanOut.takeLostLeads() { actions.append(.leadsLost(count, node: node)) }
        let decided = write.fanOut.takeDecided()
        guard write.fanOut.isOver else {
            if !decided.isEmpty { conclude(decided, of: &write, id) }
            writes[id] = consume write
            return
        }
        guard write.fanOut.isAnswered else {
            writes[id] = consume write
            return
        }
        conclude(write.entries.indices, of: &write, id)
        // Where no job is refused, or may yet be, whatever is stored late stays, and nothing needs to be known for that.
        if !write.late.isEmpty,
            !write.confirming.isEmpty
                || write.entries.indices.contains(where: { write.fanOut.fate(of: $0) == .refused })
        {
            lateWrites[id] = LateWrite(fanOut: write.fanOut, late: write.late)
        } else if !confirmations.isEmpty {
            keepCopies(of: write.fanOut, id)
        }
    }

    /// Answers for the accepted ones, and takes the refused ones back; once for each.
    private mutating func conclude(_ decided: some Sequence<Int>, of write: inout Write, _ id: WriteID) {
        var refused: [Int] = []
        var confirming: [Int] = []
        // Neighbours are mostly of one call, which is taken out to be changed in place.
        var current: (id: CallID, call: Call)?
        var toldBefore: CallID?
        for index in decided {
            let entry = write.entries[index]
            guard write.fanOut.fate(of: index) == .accepted else {
                if !write.fanOut.isWithdrawn(index) { refused.append(index) }
                continue
            }
            if entry.job.registration != nil {
                if write.confirming.insert(index).inserted { confirming.append(index) }
                continue
            }
            if toldBefore == entry.call { continue }
            if current?.id != entry.call {
                putBack(current)
                current = calls.removeValue(forKey: entry.call).map { (entry.call, $0) }
                if current == nil { toldBefore = entry.call }
            }
            // Whoever was concluded before has its receipt already.
            if current == nil || current?.call.results[entry.position] != nil { continue }
            current?.call.results[entry.position] = .success(receipt(for: index, of: write))
            current?.call.unanswered -= 1
        }
        putBack(current)
        if !confirming.isEmpty { confirm(confirming, of: write, id) }
        if !refused.isEmpty { withdraw(refused, of: &write, id) }
    }

    func receipt(for index: Int, of write: Write) -> Receipt {
        let job = write.entries[index].job
        var placements: [Receipt.Placement] = []
        placements.reserveCapacity(configuration.copies)
        for copy in write.fanOut.copies(of: index) {
            let id: BeanstalkJobID?
            switch copy.answer {
            case .stored(let stored): id = stored
            case .unknown: id = nil
            case .refused: continue
            }
            placements.append(
                Receipt.Placement(
                    node: nodes[copy.node], index: copy.index, id: id, serverID: copy.generation?.serverID))
        }
        return Receipt(
            jobID: job.id, fireTime: job.fireTime, queue: queue, hasOwnID: job.isOwnID,
            edition: job.registration?.edition,
            format: job.isNative ? .native : .goQueue, copies: write.declaredCopies(of: index), placements: placements)
    }

    // MARK: Other ends

    mutating func graceOver(_ id: WriteID, now: Moment) {
        guard var write = writes.removeValue(forKey: id) else { return }
        if !write.fanOut.isUndecided { for node in write.fanOut.stragglers { markSlow(node) } }
        carryOut(write.fanOut.graceOver(), of: &write, id, now: now)
        advance(id, consume write)
    }

    private mutating func markSlow(_ node: Int) {
        isSlow[node] = true
        actions.append(.nodeIsSlow(node))
    }

    mutating func cancel(_ call: CallID, in id: WriteID, now: Moment) {
        guard var write = writes.removeValue(forKey: id) else { return }
        guard !write.fanOut.isOver else {
            writes[id] = consume write
            return
        }
        let own = write.entries.indices.filter {
            write.entries[$0].call == call && write.fanOut.fate(of: $0) == .open
        }
        write.cancelled.insert(call)
        for index in own { write.fanOut.cancel(index) }
        carryOut(write.fanOut.decide(), of: &write, id, now: now)
        // Where this ends the whole write, the waits that were ended are answered in a moment, and these jobs are
        // concluded then. Where others still wait, these are concluded now.
        advance(id, consume write)
    }

    // MARK: Late answers

    /// A reply came to a put whose wait had been ended.
    ///
    /// - Parameter index: which of the puts it answers.
    /// - Returns: whether the copy must be deleted, on the connection the reply came on.
    package mutating func arrivedLate(_ commands: NodeCommands, at index: Int, _ reply: BeanstalkReply) -> Bool {
        let node = commands.node
        isSlow[node] = false
        guard case .write(let id) = commands.purpose, case .put(let puts, _) = commands.kind else { return false }
        var mustGo = false
        if case .inserted(let jobID) = reply {
            let place = puts[index].place
            mustGo =
                writes[id]?.fanOut.arrivedLate(place, as: jobID) ?? lateWrites[id]?.fanOut.arrivedLate(place, as: jobID)
                ?? false
            // That of an edition the ledger has to decide about, when it is due: the edition may have become its id's.
            if puts[index].job.registration != nil { mustGo = false }
        }
        if writes[id] != nil {
            writes[id]?.expectLate(-1, from: node, on: nil)
        } else {
            lateWrites[id]?.late[node]?.count -= 1
            if lateWrites[id]?.late[node]?.count == 0 { dropLateNode(node, of: id) }
        }
        return mustGo
    }

    /// What was sent on an earlier connection is answered no more.
    private mutating func dropLateWrites(of node: Int, before generation: ConnectionGeneration) {
        if lateWrites.isEmpty { return }
        for (id, write) in lateWrites {
            if let sentOn = write.late[node]?.generation, sentOn < generation { dropLateNode(node, of: id) }
        }
    }

    private mutating func dropLateNode(_ node: Int, of id: WriteID) {
        lateWrites[id]?.late[node] = nil
        guard let write = lateWrites[id], write.late.isEmpty else { return }
        if !confirmations.isEmpty { keepCopies(of: write.fanOut, id) }
        lateWrites[id] = nil
    }
}
