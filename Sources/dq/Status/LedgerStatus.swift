import CommandSupport
import DelayQueue
import HiredisClient
import NIOCore

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
        /// Why it cannot be written to by a script, as it is for every job.
        var problem: String?
    }

    private static let timeout = Duration.seconds(2)

    /// - Parameter queue: under whose name a key is written, for a millisecond.
    static func ask(_ client: RedisClient, queue: String) async -> LedgerStatus {
        let url = client.url.description
        do throws(RedisError) {
            let reply = try await client.command("INFO", timeout: timeout)
            var answer = Answer(reply.information ?? RedisInformation(ByteBuffer()))
            answer.skew = await skew(client)
            answer.problem = await problem(of: client, queue: queue)
            return LedgerStatus(url: url, answer: answer)
        } catch {
            return LedgerStatus(url: url, problem: "\(error)")
        }
    }

    /// What keeps a script from writing as the ledger's do: no memory or disk, no replicas, a permission.
    private static func problem(of client: RedisClient, queue: String) async -> String? {
        do throws(RedisError) {
            let digest = try await client.command("SCRIPT", "LOAD", probe, timeout: timeout).string ?? ""
            _ = try await client.command(
                "EVALSHA", digest, "1", "dq:\(queue):status-\(UInt64.random(in: .min ... .max))", timeout: timeout)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static let probe = "return redis.call('set', KEYS[1], '', 'px', 1)"

    /// - Returns: nil where the server does not tell its time.
    private static func skew(_ client: RedisClient) async -> Duration? {
        let sentAt = Moment.now()
        guard let reply = try? await client.command("TIME", timeout: timeout), case .array(let parts) = reply,
            parts.count == 2, let seconds = parts[0].string.flatMap({ Int64($0) }),
            let rest = parts[1].string.flatMap({ Int64($0) }), (0..<1 << 33).contains(seconds),
            (0..<1_000_000).contains(rest)
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
        object.add("serves", answer.problem == nil)
        object.add("error", ifPresent: answer.problem)
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
    /// What is missing stays nil.
    init(_ information: RedisInformation) {
        version =
            information["valkey_version"].map { "valkey \($0)" } ?? information["redis_version"].map { "redis \($0)" }
        memoryUsed = information.size("used_memory")
        memoryLimit = information.size("maxmemory")
        evictionPolicy = information["maxmemory_policy"]
        isAppendOnly = information["aof_enabled"].map { $0 == "1" }
        role = information["role"]
    }
}

extension Duration {
    /// Without a sign: `3600.002s`.
    var magnitudeText: String { "\((self < .zero ? .zero - self : self).secondsText)s" }
}
