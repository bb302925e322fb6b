import NIOCore

/// What opens every connection: the login, the database, a look at the server, the scripts.
struct RedisPreamble: Sendable {
    private enum Step: Sendable {
        case login
        case selectDatabase
        case server
        case cluster
        case memory
        case load
    }

    /// The requests as they are sent.
    let bytes: ByteBuffer

    /// Only what the replies are judged by: the password is in the bytes alone.
    private let steps: [Step]

    var count: Int { steps.count }

    init(url: RedisURL, scripts: [String]) throws(RedisError) {
        var steps: [Step] = []
        var batch = RedisBatch()
        func ask(_ step: Step, _ words: RedisArgument...) {
            steps.append(step)
            batch.command(words)
        }
        if let username = url.username {
            ask(.login, "AUTH", .text(username), .text(url.password ?? ""))
        } else if let password = url.password {
            ask(.login, "AUTH", .text(password))
        }
        ask(.server, "INFO", "server")
        ask(.cluster, "INFO", "cluster")
        ask(.memory, "INFO", "memory")
        if url.database != 0 { ask(.selectDatabase, "SELECT", .integer(url.database)) }
        for source in scripts { ask(.load, "SCRIPT", "LOAD", .text(source)) }
        if let refusal = batch.refusals.values.first { throw refusal }
        self.steps = steps
        self.bytes = batch.bytes
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
            case .load:
                guard try Self.isDigest(reply.orServerError()) else {
                    throw RedisError(.malformedReply, "the server did not tell the digest of a script")
                }
            }
        }
    }

    /// What the server calls each script by, in their order.
    ///
    /// - Parameter replies: as for ``verify(_:)``, which has accepted them.
    func digests(in replies: [RedisValue]) -> [String] {
        zip(steps, replies).compactMap { step, reply in
            if case .load = step { reply.string } else { nil }
        }
    }

    /// A SHA-1 as 40 lower-case hexadecimal digits.
    private static func isDigest(_ reply: RedisValue) -> Bool {
        guard case .bulk(let bytes) = reply, bytes.readableBytes == 40 else { return false }
        return bytes.readableBytesView.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
    }

    /// What the server does with keys when its memory is full; nil where it does not say.
    ///
    /// - Parameter replies: as for ``verify(_:)``.
    func evictionPolicy(in replies: [RedisValue]) -> String? {
        for (step, reply) in zip(steps, replies) {
            if case .memory = step, let policy = reply.information?["maxmemory_policy"] { return policy }
        }
        return nil
    }

    private func verifyLogin(_ reply: RedisValue) throws(RedisError) {
        guard case .error(let text) = reply else {
            guard reply == .status("OK") else {
                throw RedisError(.malformedReply, "the server did not say OK to the login")
            }
            return
        }
        let error = RedisError(serverError: text)
        // The server's own words are left out: where AUTH is renamed they quote its arguments.
        if error.isRetriable {
            throw RedisError(
                .server,
                error.serverPrefix == "ERR"
                    ? error.message : "\(error.serverPrefix ?? ""): the server takes no login at the moment",
                serverPrefix: error.serverPrefix)
        }
        let reason =
            if text.contains("without any password configured") || text.contains("no password is set") {
                "the server has no password, and one was given: leave it out of the URL"
            } else if text.contains("wrong number of arguments") {
                "the server knows no user names (before Redis 6): give the password only"
            } else {
                "the server refused the user name or password"
            }
        throw RedisError(.wrongPassword, reason, serverPrefix: error.serverPrefix)
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
        if let problem = reply.information?.problem { throw problem }
    }
}

extension RedisValue {
    /// What a server says about itself; nil where this is no text.
    package var information: RedisInformation? {
        if case .bulk(let text) = self { RedisInformation(text) } else { nil }
    }

    /// Throws where the reply is an error, and else returns it.
    fileprivate func orServerError() throws(RedisError) -> RedisValue {
        if case .error(let text) = self { throw RedisError(serverError: text) }
        return self
    }
}
