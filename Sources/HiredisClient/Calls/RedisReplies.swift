/// What became of the calls of a batch.
package struct RedisReplies: Sendable {
    /// What was answered to each call, in their order; null where it failed. Never an error.
    package private(set) var values: [RedisValue]

    /// Why a call has no reply, by its place. Kept apart, as it is rare and large. A server's refusal has the code
    /// `server` or a more telling one.
    package private(set) var failures: [Int: RedisError]

    /// - Parameters:
    ///   - replies: to the calls that were sent, refusals among them.
    ///   - failure: why they are fewer.
    init(_ replies: [RedisValue], _ failure: RedisError?, to batch: RedisBatch) {
        values = replies
        failures = batch.refusals
        if let sent = batch.sentIndexes {
            values = Array(repeating: .null, count: batch.count)
            for (index, reply) in zip(sent, replies) { values[index] = reply }
            for index in sent.dropFirst(replies.count) { failures[index] = failure }
        } else if let failure {
            for index in replies.count..<batch.count { failures[index] = failure }
            values += Array(repeating: .null, count: batch.count - replies.count)
        }
        for index in values.indices {
            guard case .error(let text) = values[index] else { continue }
            values[index] = .null
            failures[index] = RedisError(serverError: text, mayHaveBeenSent: true)
        }
    }

    package var count: Int { values.count }

    package subscript(index: Int) -> Result<RedisValue, RedisError> {
        failures[index].map { .failure($0) } ?? .success(values[index])
    }

    /// The places of calls that a server refused with an error of such a first word, in their order.
    func refused(with prefix: String) -> [Int] {
        failures.isEmpty ? [] : failures.filter { $0.value.serverPrefix == prefix }.keys.sorted()
    }

    /// - Parameter indexes: the places here of the calls that were made again.
    mutating func replace(_ indexes: [Int], with replies: RedisReplies) {
        for (index, replacement) in zip(indexes, replies.values.indices) {
            values[index] = replies.values[replacement]
            failures[index] = replies.failures[replacement]
        }
    }
}
