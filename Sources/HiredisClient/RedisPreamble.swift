import NIOCore
import PipelinedTransport

/// What opens every connection: the login, the database, a look at the server, the scripts.
struct RedisPreamble: Sendable {
    private enum Step: Sendable {
        case login
        case selectDatabase
        case server
        case cluster
        case memory
        case load(sha1: String)
    }

    /// The requests as they are sent.
    let bytes: ByteBuffer

    /// Only what the replies are judged by: the password is in the bytes alone.
    private let steps: [Step]

    var count: Int { steps.count }

    init(url: RedisURL, scripts: [RedisScript]) throws(RedisError) {
        var steps: [Step] = []
        var bytes = ByteBuffer()
        if let username = url.username {
            steps.append(.login)
            try RedisCommand(["AUTH", .text(username), .text(url.password ?? "")]).encode(into: &bytes)
        } else if let password = url.password {
            steps.append(.login)
            try RedisCommand(["AUTH", .text(password)]).encode(into: &bytes)
        }
        steps += [.server, .cluster, .memory]
        try RedisCommand(["INFO", "server"]).encode(into: &bytes)
        try RedisCommand(["INFO", "cluster"]).encode(into: &bytes)
        try RedisCommand(["INFO", "memory"]).encode(into: &bytes)
        if url.database != 0 {
            steps.append(.selectDatabase)
            try RedisCommand(["SELECT", .integer(url.database)]).encode(into: &bytes)
        }
        for script in scripts {
            steps.append(.load(sha1: script.sha1))
            try script.loadCommand.encode(into: &bytes)
        }
        self.steps = steps
        self.bytes = bytes
    }

    /// Judges the replies, one for each step.
    func verify(_ replies: [RedisValue]) throws(RedisError) {
        guard replies.count == steps.count else {
            throw RedisError(.malformedReply, "\(replies.count) replies to \(steps.count) opening requests")
        }
        for (step, reply) in zip(steps, replies) {
            switch step {
            case .login: try verifyLogin(reply)
            case .server, .cluster, .memory: try verifyInformation(reply)
            case .selectDatabase:
                guard try reply.orServerError() == .status("OK") else {
                    throw RedisError(.malformedReply, "the server did not say OK to the choice of a database")
                }
            case .load(let sha1):
                guard try reply.orServerError().string == sha1 else {
                    throw RedisError(.malformedReply, "the server knows a script by another digest")
                }
            }
        }
    }

    /// What the server does with keys when its memory is full; nil where it does not say.
    ///
    /// - Parameter replies: as for ``verify(_:)``.
    func evictionPolicy(in replies: [RedisValue]) -> String? {
        for (step, reply) in zip(steps, replies) {
            guard case .memory = step, case .bulk = reply, let text = reply.string else { continue }
            for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix(Self.evictionField) {
                return String(line.dropFirst(Self.evictionField.count))
            }
        }
        return nil
    }

    private static let evictionField = "maxmemory_policy:"

    private func verifyLogin(_ reply: RedisValue) throws(RedisError) {
        guard case .error(let text) = reply else {
            guard reply == .status("OK") else {
                throw RedisError(.malformedReply, "the server did not say OK to the login")
            }
            return
        }
        let error = RedisError(serverError: text)
        if error.isRetriable { throw error }
        // The server's own words are left out: where AUTH is renamed they quote its arguments.
        throw RedisError(
            .wrongPassword, "the server refused the user name or password", serverPrefix: error.serverPrefix)
    }

    /// A server that does not say what it is, because the user may not ask, gets the benefit of the doubt.
    private func verifyInformation(_ reply: RedisValue) throws(RedisError) {
        if case .error(let text) = reply {
            let error = RedisError(serverError: text)
            if error.isRetriable || error.code == .wrongPassword { throw error }
            return
        }
        guard reply.isNull || reply.string != nil else {
            throw RedisError(.malformedReply, "the server's information about itself is no text")
        }
        for line in (reply.string ?? "").split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...]
            switch line[..<colon] {
            case "redis_mode" where value == "cluster", "server_mode" where value == "cluster",
                "cluster_enabled" where value == "1":
                throw RedisError(.clusterUnsupported, "the server is part of a Redis Cluster, which is not supported")
            case "redis_mode" where value == "sentinel", "server_mode" where value == "sentinel":
                throw RedisError(.sentinelUnsupported, "the server is a Sentinel: give the address of a Redis server")
            case "redis_version":
                // Since 5, scripts replicate their effects, so that they may read the clock before they write.
                guard let major = value.split(separator: ".").first.flatMap({ Int($0) }), major < 5 else { continue }
                throw RedisError(.versionUnsupported, "the server's version is \(value); 5.0.0 or later is needed")
            default:
                continue
            }
        }
    }
}

extension RedisValue {
    /// Throws where the reply is an error, and else returns it.
    fileprivate func orServerError() throws(RedisError) -> RedisValue {
        if case .error(let text) = self { throw RedisError(serverError: text) }
        return self
    }
}
