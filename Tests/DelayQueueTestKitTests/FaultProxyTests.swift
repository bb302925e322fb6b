import DelayQueueTestKit
import Testing

@Suite("Fault proxy", .timeLimit(.minutes(4)))
struct FaultProxyTests {
    @Test func passesBytesBothWays() async throws {
        try await withProxiedServer { server, proxy in
            #expect(proxy.address == "127.0.0.1:\(proxy.port)")
            #expect(proxy.port != server.port)
            try await RawConnection.with(port: proxy.port) { connection in
                try await connection.expect("list-tube-used", answer: "USING default")
                #expect(await proxy.connectionCount == 1)
            }
            try await proxy.waitForNoConnections()
            let activity = await proxy.activity
            #expect(activity.acceptedConnections == 1)
            #expect(activity.refusedConnections == 0)
            #expect(activity.bytesSeen(.toServer) == 16)
            #expect(activity.bytesForwarded(.toServer) == 16)
            #expect(activity.bytesSeen(.toClient) == 15)
            #expect(activity.bytesForwarded(.toClient) == 15)
        }
    }

    @Test func passesLargeJobs() async throws {
        var options = BeanstalkdOptions()
        options.maxJobSize = 4_000_000
        let body = String(repeating: "0123456789", count: 300_000)
        try await withBeanstalkd(options: options) { server in
            try await withFaultProxy(to: server.port) { proxy in
                try await RawConnection.with(port: proxy.port) { connection in
                    try await connection.expect("put 1 0 60 \(body.count)\r\n\(body)", answer: "INSERTED 1")
                    try await connection.expect("peek 1", answer: "FOUND 1 \(body.count)")
                    #expect(try await connection.line() == body)
                }
            }
        }
    }

    @Test func stallToServerHoldsTheRequest() async throws {
        try await withProxiedServer { _, proxy in
            try await RawConnection.with(port: proxy.port) { connection in
                await proxy.set(.stall(.toServer))
                try await connection.send("list-tube-used\r\n")
                try await proxy.waitForBytes(16, .toServer)
                #expect(await proxy.activity.bytesForwarded(.toServer) == 0)
                await proxy.set(.none)
                #expect(try await connection.line() == "USING default")
            }
        }
    }

    @Test func stallToClientHoldsTheReply() async throws {
        try await withProxiedServer { _, proxy in
            await proxy.set(.stall(.toClient))
            try await RawConnection.with(port: proxy.port) { connection in
                try await connection.send("list-tube-used\r\n")
                try await proxy.waitForBytes(15, .toClient)
                #expect(await proxy.activity.bytesForwarded(.toServer) == 16)
                #expect(await proxy.activity.bytesForwarded(.toClient) == 0)
                #expect(await proxy.connectionCount == 1)
                await proxy.set(.none)
                #expect(try await connection.line() == "USING default")
            }
        }
    }

    @Test func stallHoldsTheEndOfTheServer() async throws {
        try await withProxiedServer { server, proxy in
            try await RawConnection.with(port: proxy.port) { connection in
                try await connection.expect("list-tube-used", answer: "USING default")
                await proxy.set(.stall())
                await server.kill()
                try await connection.send("list-tube-used\r\n")
                try await proxy.waitForBytes(32, .toServer)
                #expect(await proxy.connectionCount == 1)
                await proxy.set(.none)
                _ = await connection.readToEnd()
                #expect(connection.pieces.joined() == "USING default\r\n")
            }
        }
    }

    @Test func delayMakesBothWaysLater() async throws {
        try await withProxiedServer { _, proxy in
            try await RawConnection.with(port: proxy.port) { connection in
                await proxy.set(.delay(.milliseconds(50)))
                let start = ContinuousClock.now
                try await connection.send("list-tube-used\r\nlist-tubes-watched\r\n")
                #expect(try await connection.line() == "USING default")
                #expect(ContinuousClock.now - start >= .milliseconds(100))
                #expect(try await connection.line()?.hasPrefix("OK ") == true)
            }
        }
    }

    @Test func delayedBytesPassAtOnceWhenTheDelayEnds() async throws {
        try await withProxiedServer { _, proxy in
            try await RawConnection.with(port: proxy.port) { connection in
                await proxy.set(.delay(.seconds(3600)))
                try await connection.send("list-tube-used\r\n")
                try await proxy.waitForBytes(16, .toServer)
                await proxy.set(.none)
                #expect(try await connection.line() == "USING default")
            }
        }
    }

    @Test func splitBytesArriveInPiecesAndInOrder() async throws {
        try await withProxiedServer { _, proxy in
            await proxy.set(.splitBytes)
            try await RawConnection.with(port: proxy.port) { connection in
                let body = String(repeating: "0123456789", count: 40)
                try await connection.expect("put 1 0 60 400\r\n\(body)", answer: "INSERTED 1")
                try await connection.expect("peek 1", answer: "FOUND 1 400")
                #expect(try await connection.line() == body)
                #expect(connection.pieces.count > 3, "\(connection.pieces)")
            }
        }
    }

    @Test func refuseClosesNewAndResetsExistingConnections() async throws {
        try await withProxiedServer { _, proxy in
            try await RawConnection.with(port: proxy.port) { existing in
                try await existing.expect("list-tube-used", answer: "USING default")
                await proxy.set(.refuse)
                #expect(await !existing.readToEnd())
            }
            try? await RawConnection.with(port: proxy.port) { new in
                _ = await new.readToEnd()
                #expect(new.pieces.isEmpty)
            }
            try await proxy.wait { $0.refusedConnections == 1 }
            #expect(await proxy.connectionCount == 0)
            await proxy.set(.none)
            try await expect(port: proxy.port, "list-tube-used", answer: "USING default")
        }
    }

    @Test func cutAllResetsBothEnds() async throws {
        try await withProxiedServer { server, proxy in
            try await RawConnection.with(port: proxy.port) { connection in
                try await connection.expect("put 1 0 60 1\r\nx", answer: "INSERTED 1")
                try await connection.expect("reserve", answer: "RESERVED 1 1")
                await proxy.cutAll()
                #expect(await proxy.connectionCount == 0)
                #expect(await !connection.readToEnd())
            }
            // beanstalkd makes a reserved job ready again when it sees the end of the connection.
            try await expect(port: server.port, "reserve-with-timeout 10", answer: "RESERVED 1 1")
            try await expect(port: proxy.port, "list-tube-used", answer: "USING default")
        }
    }

    @Test func serverThatIsDownMeansAReset() async throws {
        try await withProxiedServer { server, proxy in
            await server.kill()
            try? await RawConnection.with(port: proxy.port) { connection in
                #expect(await !connection.readToEnd())
            }
            try await proxy.waitForNoConnections()
            try await server.restart()
            try await expect(port: proxy.port, "list-tube-used", answer: "USING default")
        }
    }

    @Test func endOfTheServerReachesTheClient() async throws {
        try await withProxiedServer { server, proxy in
            try await RawConnection.with(port: proxy.port) { connection in
                try await connection.expect("list-tube-used", answer: "USING default")
                await server.kill()
                _ = await connection.readToEnd()
            }
            try await proxy.waitForNoConnections()
        }
    }

    @Test func endOfTheClientReachesTheServer() async throws {
        try await withProxiedServer { server, proxy in
            try await RawConnection.with(port: proxy.port) { connection in
                try await connection.expect("put 1 0 60 1\r\nx", answer: "INSERTED 1")
                try await connection.expect("reserve", answer: "RESERVED 1 1")
                connection.finish()
                #expect(await connection.readToEnd())
            }
            try await expect(port: server.port, "reserve-with-timeout 10", answer: "RESERVED 1 1")
        }
    }

    @Test func stopResetsConnectionsAndStopsListening() async throws {
        try await withBeanstalkd { server in
            let proxy = try await FaultProxy.start(to: server.port)
            try await RawConnection.with(port: proxy.port) { connection in
                try await connection.expect("list-tube-used", answer: "USING default")
                await proxy.stop()
                #expect(await !connection.readToEnd())
            }
            await #expect(throws: (any Error).self) { try await ask(port: proxy.port, "list-tube-used") }
            await proxy.stop()
        }
    }

    @Test func waitsAreWokenByWhatHappens() async throws {
        try await withProxiedServer { _, proxy in
            async let connected: Void = proxy.waitForConnections(2)
            try await expect(port: proxy.port, "list-tube-used", answer: "USING default")
            try await expect(port: proxy.port, "list-tube-used", answer: "USING default")
            try await connected
            #expect(await proxy.activity.acceptedConnections == 2)
        }
    }

    @Test func cancelledWaitThrows() async throws {
        try await withProxiedServer { _, proxy in
            let waiting = Task { try await proxy.waitForConnections(1) }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
        }
    }

    private func withProxiedServer(
        _ body: (BeanstalkdServer, FaultProxy) async throws -> Void
    ) async throws {
        try await withBeanstalkd { server in
            try await withFaultProxy(to: server.port) { proxy in
                try await body(server, proxy)
            }
        }
    }
}
