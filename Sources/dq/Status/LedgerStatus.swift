import CommandSupport
import DelayQueue
import HiredisClient

/// What the ledger's server says about itself.
struct LedgerStatus: Sendable {
    /// Without its password.
    var url: String
    /// Nil where the server did not answer.
    var answer: Answer?
    /// Why it did not.
    var problem: String?

    struct Answer: Hashable, Sendable {
        var version: String?
        var memoryUsed: Int?
        /// 0 where there is no limit.
        var memoryLimit: Int?
        var evictionPolicy: String?
        var isAppendOnly: Bool?
        var role: String?
        /// By how much this machine's clock is ahead of the server's.
        var skew: Duration?
    }

    private static let timeout = Duration.seconds(2)

    static func ask(_ client: RedisClient) async -> LedgerStatus {
        let url = client.url.description
        do throws(RedisError) {
            let information = try await client.command("INFO", timeout: timeout)
            var answer = Answer(information: information.string ?? "")
            answer.skew = await skew(client)
            return LedgerStatus(url: url, answer: answer)
        } catch {
            return LedgerStatus(url: url, problem: "\(error)")
        }
    }

    /// - Returns: nil where the server does not tell its time.
    private static func skew(_ client: RedisClient) async -> Duration? {
        let sentAt = Moment.now()
        guard let reply = try? await client.command("TIME", timeout: timeout), case .array(let parts) = reply,
            parts.count == 2, let seconds = parts[0].string.flatMap({ Int64($0) }),
            let rest = parts[1].string.flatMap({ Int64($0) }), seconds < 1 << 33
        else { return nil }
        let now = Moment.now()
        var clock = FleetClock()
        clock.learn(
            Timestamp(microseconds: seconds * 1_000_000 + rest), sentAt: sentAt.uptime, now: now.uptime)
        return clock.skew(at: now)
    }

    var json: JSONObject {
        var object = JSONObject()
        object.add("url", url)
        object.add("up", answer != nil)
        guard let answer else {
            object.add("error", ifPresent: problem)
            return object
        }
        object.add("version", answer.version)
        object.add("memoryUsed", answer.memoryUsed)
        object.add("memoryLimit", answer.memoryLimit)
        object.add("evictionPolicy", answer.evictionPolicy)
        object.add("appendOnly", answer.isAppendOnly)
        object.add("role", answer.role)
        object.add("clockSkewMs", answer.skew.map { Int($0 / .milliseconds(1)) })
        return object
    }
}

extension LedgerStatus.Answer {
    /// Reads the lines that answer `INFO`; what is missing stays nil.
    init(information: String) {
        var values: [Substring: Substring] = [:]
        for line in information.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if let key = parts.first, parts.count == 2 { values[key] = parts[1] }
        }
        version = values["valkey_version"].map { "valkey \($0)" } ?? values["redis_version"].map { "redis \($0)" }
        memoryUsed = values["used_memory"].flatMap { Int($0) }
        memoryLimit = values["maxmemory"].flatMap { Int($0) }
        evictionPolicy = values["maxmemory_policy"].map(String.init)
        isAppendOnly = values["aof_enabled"].map { $0 == "1" }
        role = values["role"].map(String.init)
    }
}

extension Duration {
    /// Without a sign: `3600.002s`.
    var magnitudeText: String { "\((self < .zero ? .zero - self : self).secondsText)s" }
}
