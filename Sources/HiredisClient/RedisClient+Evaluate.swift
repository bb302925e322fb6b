import NIOCore
import PipelinedTransport

/// A call of a script among all calls of a client.
struct CallID: Hashable, Sendable {
    var evaluation: UInt64
    var index: Int
}

/// A batch of calls under way: which of them were freed by others, and who waits for that.
struct Evaluation {
    var freed: [Int] = []
    var waiter: CheckedContinuation<Void, Never>?
}

extension RedisClient {
    /// How often in a row all that was sent may come back because the server did not know the scripts. More than
    /// once is needed only while somebody flushes them again and again.
    private static let maximumRepeats = 8

    /// Calls scripts by their digests, and plain commands, pipelined, and waits for all results.
    ///
    /// **Order:** calls that share a key run in the order in which they came, within a batch and across all batches
    /// of this client; calls without a common key run in any order. This holds also where the server has lost
    /// the scripts (`SCRIPT FLUSH`, a restart) and calls must be repeated after loading them. For that, a call is
    /// sent only once the one before it on the same key was answered, since another client may load the
    /// scripts between the two.
    ///
    /// **Cancelling** the task ends the wait; calls not sent yet are not sent.
    ///
    /// - Parameter timeout: from the call until the last reply, connecting and waiting for other batches' calls
    ///   included; nil waits without limit.
    /// - Returns: a result for each call, in their order. Where a script could not be loaded, its calls fail with
    ///   the reason. A call of more than 512 MiB, or with which all of them would have 2 GiB, is not sent and fails alone
    ///   with `invalidCommand`.
    public func evaluate(
        _ calls: [RedisCall], timeout: Duration? = .seconds(5)
    ) async -> [Result<RedisValue, RedisError>] {
        var batch = RedisCallBatch(reserving: calls.count)
        for call in calls { batch.append(call) }
        let replies = await evaluate(batch, timeout: timeout) { index, reply in
            calls[index].accepts?(reply) ?? true
        }
        return calls.indices.map { replies[$0] }
    }

    /// The same for calls that are written out already.
    ///
    /// - Parameter accepts: whether a reply can be the answer to a call, by its place; see ``RedisCall/accepts``.
    package func evaluate(
        _ batch: RedisCallBatch, timeout: Duration?, accepts: @escaping @Sendable (Int, RedisValue) -> Bool
    ) async -> RedisReplies {
        let deadline = timeout.map { NIODeadline.now() + TimeAmount($0) }
        lastEvaluation += 1
        let id = lastEvaluation
        evaluations[id] = Evaluation()
        defer { evaluations[id] = nil }

        var replies = RedisReplies(count: batch.count)
        var isFinished = Array(repeating: false, count: batch.count)
        var unfinished = batch.count
        var due: [Int] = []
        due.reserveCapacity(batch.count)
        for index in 0..<batch.count
        where keyOrder.join(CallID(evaluation: id, index: index), keys: batch.keys(at: index)) {
            due.append(index)
        }

        func finish(_ index: Int) {
            isFinished[index] = true
            unfinished -= 1
            leave(CallID(evaluation: id, index: index), keys: batch.keys(at: index))
        }

        var repeats = 0
        var missing: [Int] = []
        var sentAfterReload = reloads
        while unfinished > 0 {
            if due.isEmpty { await waitForFreedCall(of: id, until: deadline) }
            due += takeFreed(of: id)
            if let failure = reasonToStop(deadline: deadline) {
                for index in 0..<batch.count where !isFinished[index] {
                    replies.fail(index, with: failure)
                    finish(index)
                }
                break
            }
            guard !due.isEmpty else { continue }
            due.removeAll { index in
                guard batch.isRefused(at: index) else { return false }
                replies.fail(index, with: RedisCommand.tooLong)
                finish(index)
                return true
            }
            guard !due.isEmpty else { continue }

            var loading: [RedisScript] = []
            if !missing.isEmpty, reloads == sentAfterReload {
                // Nobody has loaded them since; whoever comes upon the same gap now sees that we do.
                reloads += 1
                loading = scriptsToLoad(for: missing.compactMap { batch.script(at: $0) })
            }
            sentAfterReload = reloads
            missing = []
            let round = await send(due, of: batch, loading: loading, until: deadline, accepts: accepts)
            for (position, index) in due.enumerated() {
                if let value = round.value(at: position) {
                    replies.set(index, to: value)
                    finish(index)
                    continue
                }
                let error = round.error(at: position, of: batch.script(at: index))
                if repeats < Self.maximumRepeats, error.serverPrefix == "NOSCRIPT" {
                    missing.append(index)
                } else {
                    replies.fail(index, with: error)
                    finish(index)
                }
            }
            repeats = missing.count == due.count ? repeats + 1 : 0
            due = missing
        }
        return replies
    }

    /// All scripts a flush took away: the client's own and what the batch missed besides.
    private func scriptsToLoad(for missing: [RedisScript]) -> [RedisScript] {
        var seen: Set<RedisScript> = []
        return (scripts + missing).filter { seen.insert($0).inserted }
    }

    /// Loads scripts and makes some of the calls, given by their indexes, in one go.
    private func send(
        _ due: [Int], of batch: RedisCallBatch, loading scripts: [RedisScript], until deadline: NIODeadline?,
        accepts: @escaping @Sendable (Int, RedisValue) -> Bool
    ) async -> RedisRound {
        var bytes = batch.bytes
        var loaded: [RedisScript] = []
        // Nearly always all calls are sent as they were written.
        if !scripts.isEmpty || !due.elementsEqual(0..<batch.count) {
            bytes = ByteBuffer()
            for script in scripts {
                // One that cannot be encoded stays missing, and its calls report that below.
                if (try? script.loadCommand.encode(into: &bytes)) != nil { loaded.append(script) }
            }
            for index in due { batch.write(index, into: &bytes) }
        }
        let timeout = deadline.map { Duration.nanoseconds(max(($0 - .now()).nanoseconds, 0)) }
        let outcome = await exchange(
            bytes, count: loaded.count + due.count, timeout: timeout,
            accepts: { [loaded] position, reply in
                if case .error = reply { return true }
                guard position >= loaded.count else { return reply.string == loaded[position].sha1 }
                return accepts(due[position - loaded.count], reply)
            })
        var round = RedisRound(replies: outcome.replies.dropFirst(loaded.count), failure: outcome.failure)
        for (position, script) in loaded.enumerated() {
            // Without a reply to it there is none to its calls either.
            guard position < outcome.replies.count, case .error(let text) = outcome.replies[position] else { continue }
            round.loadErrors[script] = RedisError(serverError: text, mayHaveBeenSent: true)
        }
        return round
    }

    // MARK: Waiting for other batches

    private func leave(_ call: CallID, keys: ArraySlice<Int>) {
        for freed in keyOrder.leave(call, keys: keys) {
            evaluations[freed.evaluation]?.freed.append(freed.index)
            wake(freed.evaluation)
        }
    }

    private func wake(_ id: UInt64) {
        evaluations[id]?.waiter.take()?.resume()
    }

    private func takeFreed(of id: UInt64) -> [Int] {
        guard let freed = evaluations[id]?.freed, !freed.isEmpty else { return [] }
        evaluations[id]?.freed = []
        return freed
    }

    /// Returns once another call's end has freed one of this batch, the time is up, or the task is cancelled.
    private func waitForFreedCall(of id: UInt64, until deadline: NIODeadline?) async {
        guard evaluations[id]?.freed.isEmpty == true, reasonToStop(deadline: deadline) == nil else { return }
        let timer = deadline.map { deadline in
            eventLoop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.wake(id) } }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                // Looked at again: where the task prefers an executor, getting here may have taken a turn of the loop.
                guard evaluations[id]?.freed.isEmpty == true, reasonToStop(deadline: deadline) == nil else {
                    return waiter.resume()
                }
                evaluations[id]?.waiter = waiter
            }
        } onCancel: {
            eventLoop.execute { self.assumeIsolated { $0.wake(id) } }
        }
        timer?.cancel()
    }

    /// Why what is not sent yet need not be sent any more.
    private func reasonToStop(deadline: NIODeadline?) -> RedisError? {
        let code: TransportError.Code
        if Task.isCancelled {
            code = .cancelled
        } else if let deadline, deadline <= .now() {
            code = .timedOut
        } else {
            return nil
        }
        return RedisError(TransportError(code, address: url.address, mayHaveBeenSent: false))
    }
}
