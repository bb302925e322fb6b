/// What came back of some calls.
struct RedisRound {
    /// To the calls, in their order; fewer where there was a failure. Refusals are among them.
    var replies: ArraySlice<RedisValue>
    var failure: RedisError?
    /// Why scripts could not be loaded just before.
    var loadErrors: [RedisScript: RedisError] = [:]

    /// The reply to the call at a position; nil where there is none, or a refusal.
    func value(at position: Int) -> RedisValue? {
        guard position < replies.count else { return nil }
        let reply = replies[replies.startIndex + position]
        if case .error = reply { return nil }
        return reply
    }

    /// Why there is no value.
    func error(at position: Int, of script: RedisScript?) -> RedisError {
        guard position < replies.count, case .error(let text) = replies[replies.startIndex + position] else {
            return failure ?? RedisError(.malformedReply, "no result for a call")
        }
        let error = RedisError(serverError: text, mayHaveBeenSent: true)
        guard error.serverPrefix == "NOSCRIPT", let script else { return error }
        return loadErrors[script] ?? error
    }
}
