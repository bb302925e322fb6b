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
    ///   the reason.
    public func evaluate(
        _ calls: [RedisCall], timeout: Duration? = .seconds(5)
    ) async -> [Result<RedisValue, RedisError>] {
        let deadline = timeout.map { NIODeadline.now() + TimeAmount($0) }
        lastEvaluation += 1
        let id = lastEvaluation
        evaluations[id] = Evaluation()
        defer { evaluations[id] = nil }

        var results: [Result<RedisValue, RedisError>?] = Array(repeating: nil, count: calls.count)
        var unfinished = calls.count
        var due: [Int] = []
        for (index, call) in calls.enumerated()
        where keyOrder.join(CallID(evaluation: id, index: index), keys: call.keys) {
            due.append(index)
        }

        func finish(_ index: Int, _ result: Result<RedisValue, RedisError>) {
            results[index] = result
            unfinished -= 1
            leave(CallID(evaluation: id, index: index), keys: calls[index].keys)
        }

        var repeats = 0
        var missing: [Int] = []
        var sentAfterReload = reloads
        while unfinished > 0 {
            if due.isEmpty { await waitForFreedCall(of: id, until: deadline) }
            due += takeFreed(of: id)
            if let failure = reasonToStop(deadline: deadline) {
                for index in calls.indices where results[index] == nil { finish(index, .failure(failure)) }
                break
            }
            guard !due.isEmpty else { continue }

            var loading: [RedisScript] = []
            if !missing.isEmpty, reloads == sentAfterReload {
                // Nobody has loaded them since; whoever comes upon the same gap now sees that we do.
                reloads += 1
                loading = scriptsToLoad(for: missing.compactMap { calls[$0].script })
            }
            sentAfterReload = reloads
            missing = []
            let round = await send(due, of: calls, loading: loading, until: deadline)
            due = []
            for (index, result) in round {
                if repeats < Self.maximumRepeats, case .failure(let error) = result, error.serverPrefix == "NOSCRIPT" {
                    missing.append(index)
                } else {
                    finish(index, result)
                }
            }
            repeats = missing.count == round.count ? repeats + 1 : 0
            due = missing
        }
        return results.map { $0 ?? .failure(RedisError(.malformedReply, "no result for a call")) }
    }

    /// All scripts a flush took away: the client's own and what the batch missed besides.
    private func scriptsToLoad(for missing: [RedisScript]) -> [RedisScript] {
        var seen: Set<RedisScript> = []
        return (scripts + missing).filter { seen.insert($0).inserted }
    }

    /// Loads scripts and makes some of the calls, given by their indexes, in one go.
    private func send(
        _ due: [Int], of calls: [RedisCall], loading scripts: [RedisScript], until deadline: NIODeadline?
    ) async -> [(index: Int, result: Result<RedisValue, RedisError>)] {
        var bytes = ByteBuffer()
        var loaded: [RedisScript] = []
        var sent: [Int] = []
        var answers: [(index: Int, result: Result<RedisValue, RedisError>)] = []
        answers.reserveCapacity(due.count)
        for script in scripts {
            // One that cannot be encoded stays missing, and its calls report that below.
            if (try? script.loadCommand.encode(into: &bytes)) != nil { loaded.append(script) }
        }
        sent.reserveCapacity(due.count)
        bytes.reserveCapacity(due.count * 320)
        var command = RedisCommand(reserving: 16)
        for index in due {
            do throws(RedisError) {
                calls[index].write(into: &command)
                try command.encode(into: &bytes)
                sent.append(index)
            } catch {
                answers.append((index, .failure(error)))
            }
        }
        guard !sent.isEmpty else { return answers }

        let timeout = deadline.map { Duration.nanoseconds(max(($0 - .now()).nanoseconds, 0)) }
        let results = await exchange(
            bytes, count: loaded.count + sent.count, timeout: timeout,
            accepts: { [loaded, sent] index, reply in
                guard index < loaded.count else { return calls[sent[index - loaded.count]].isAnswered(by: reply) }
                if case .error = reply { return true }
                return reply.string == loaded[index].sha1
            })
        var loadErrors: [RedisScript: RedisError] = [:]
        for (script, result) in zip(loaded, results) {
            if case .failure(let error) = result { loadErrors[script] = error }
        }
        for (index, result) in zip(sent, results.dropFirst(loaded.count)) {
            if case .failure(let error) = result, error.serverPrefix == "NOSCRIPT",
                let cause = calls[index].script.flatMap({ loadErrors[$0] })
            {
                answers.append((index, .failure(cause)))
            } else {
                answers.append((index, result))
            }
        }
        return answers
    }

    // MARK: Waiting for other batches

    private func leave(_ call: CallID, keys: [String]) {
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
            await withCheckedContinuation { evaluations[id]?.waiter = $0 }
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
