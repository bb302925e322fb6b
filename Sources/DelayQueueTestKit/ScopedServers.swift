/// Runs a cluster for the duration of `body`.
///
/// All servers are stopped, and their folders gone, when this returns or throws; cancellation does not cut that short.
///
/// - Throws: what `body` throws; otherwise as
///   ``LocalCluster/start(nodes:redis:binlog:beanstalkdOptions:redisOptions:)``.
public func withLocalCluster<R>(
    nodes: Int = 3,
    redis: Bool = true,
    binlog: Bool = false,
    beanstalkdOptions: BeanstalkdOptions = .init(),
    redisOptions: RedisOptions = .init(),
    _ body: (LocalCluster) async throws -> R
) async throws -> R {
    let cluster = try await LocalCluster.start(
        nodes: nodes, redis: redis, binlog: binlog, beanstalkdOptions: beanstalkdOptions, redisOptions: redisOptions)
    return try await finishing {
        await cluster.stop()
    } after: {
        try await body(cluster)
    }
}

/// Runs a beanstalkd for the duration of `body`.
///
/// The server is stopped, and its folder gone, when this returns or throws; cancellation does not cut that short.
///
/// - Throws: what `body` throws; otherwise as ``BeanstalkdServer/start(binlog:options:)``.
public func withBeanstalkd<R>(
    binlog: Bool = false,
    options: BeanstalkdOptions = .init(),
    _ body: (BeanstalkdServer) async throws -> R
) async throws -> R {
    let server = try await BeanstalkdServer.start(binlog: binlog, options: options)
    return try await finishing {
        await server.stop()
    } after: {
        try await body(server)
    }
}

/// Runs a Redis for the duration of `body`.
///
/// The server is stopped, and its folder gone, when this returns or throws; cancellation does not cut that short.
///
/// - Throws: what `body` throws; otherwise as ``RedisServer/start(options:)``.
public func withRedis<R>(
    options: RedisOptions = .init(),
    _ body: (RedisServer) async throws -> R
) async throws -> R {
    let server = try await RedisServer.start(options: options)
    return try await finishing {
        await server.stop()
    } after: {
        try await body(server)
    }
}

/// Runs a proxy to a loopback port for the duration of `body`.
///
/// The proxy is stopped when this returns or throws; cancellation does not cut that short.
///
/// - Throws: what `body` throws; otherwise as ``FaultProxy/start(to:)``.
public func withFaultProxy<R>(
    to port: Int,
    _ body: (FaultProxy) async throws -> R
) async throws -> R {
    let proxy = try await FaultProxy.start(to: port)
    return try await finishing {
        await proxy.stop()
    } after: {
        try await body(proxy)
    }
}

#if TLS
    /// Runs a TLS terminator in front of a loopback port for the duration of `body`.
    ///
    /// It is stopped when this returns or throws; cancellation does not cut that short.
    ///
    /// - Throws: what `body` throws; otherwise as ``TLSTerminator/start(to:identity:clientAuthority:)``.
    public func withTLSTerminator<R>(
        to port: Int,
        identity: TestAuthority.Identity,
        clientAuthority: String? = nil,
        _ body: (TLSTerminator) async throws -> R
    ) async throws -> R {
        let terminator = try await TLSTerminator.start(to: port, identity: identity, clientAuthority: clientAuthority)
        return try await finishing {
            await terminator.stop()
        } after: {
            try await body(terminator)
        }
    }
#endif

/// Runs `body`, then `finish`, which no outcome of `body` prevents.
func finishing<R>(_ finish: () async -> Void, after body: () async throws -> R) async throws -> R {
    let result: R
    do {
        result = try await body()
    } catch {
        await finish()
        throw error
    }
    await finish()
    return result
}
