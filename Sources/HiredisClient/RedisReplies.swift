/// What became of the calls of a batch.
package struct RedisReplies: Sendable {
    /// What was answered to each call, in their order; null where it failed. Never an error.
    package private(set) var values: [RedisValue]

    /// Why a call has no reply, by its place. Kept apart, as it is rare and large.
    package private(set) var failures: [Int: RedisError] = [:]

    /// Starts with null for every call.
    init(count: Int) {
        values = Array(repeating: .null, count: count)
    }

    mutating func set(_ index: Int, to value: RedisValue) {
        values[index] = value
    }

    mutating func fail(_ index: Int, with error: RedisError) {
        failures[index] = error
    }

    subscript(index: Int) -> Result<RedisValue, RedisError> {
        failures[index].map { .failure($0) } ?? .success(values[index])
    }
}
