import Beanstalk
import DelayQueue
import DelayQueueTestKit
import NIOCore
import NIOPosix
import Testing

/// Real nodes behind a TLS terminator each.
@Suite("Nodes behind TLS", .serialized, .timeLimit(.minutes(1)))
struct NodeTLSTests {
    /// Three nodes: one is named localhost, two by the address 127.0.0.1, and each has a certificate for its own name
    /// only.
    private func run(
        _ authority: TestAuthority, in scenario: Scenario, clientAuthority: String? = nil,
        _ body: ([BeanstalkNode]) async throws -> Void
    ) async throws {
        let named = try await authority.identity(for: ["localhost"])
        let numbered = try await authority.identity(for: ["127.0.0.1"])
        let ports = scenario.cluster.nodes.map(\.port)
        try await withTLSTerminator(to: ports[0], identity: named, clientAuthority: clientAuthority) { first in
            try await withTLSTerminator(to: ports[1], identity: numbered, clientAuthority: clientAuthority) { second in
                try await withTLSTerminator(to: ports[2], identity: numbered, clientAuthority: clientAuthority) {
                    third in
                    try await body(
                        try ["localhost:\(first.port)", second.address, third.address].map {
                            try BeanstalkNode($0, tube: scenario.tube)
                        })
                }
            }
        }
    }

    private func connection(_ tls: ConnectionConfiguration.TLSMode?) -> ConnectionConfiguration {
        var configuration = ConnectionConfiguration()
        configuration.tls = tls
        configuration.backoff.maximum = .milliseconds(200)
        return configuration
    }

    private func producer(
        _ nodes: [BeanstalkNode], _ tls: ConnectionConfiguration.TLSMode?, ledger: (any JobLedger)? = nil
    ) throws -> Producer {
        var configuration = ProducerConfiguration()
        configuration.connection = connection(tls)
        return try Producer(nodes: nodes, ledger: ledger, configuration: configuration, logger: Scenario.logger)
    }

    /// Schedules a job and runs it.
    private func exchange(
        _ nodes: [BeanstalkNode], _ tls: ConnectionConfiguration.TLSMode, in scenario: Scenario
    ) async throws {
        let producer = try producer(nodes, tls, ledger: scenario.ledger)
        var configuration = ConsumerConfiguration()
        configuration.connection = connection(tls)
        let consumer = try Consumer(
            nodes: nodes, ledger: scenario.ledger, configuration: configuration, logger: Scenario.logger)
        try await scenario.closing(producer, consumer) {
            let receipt = try await producer.delay(.milliseconds(100), "over TLS")
            #expect(receipt.placements.count == 3)
            var iterator = consumer.makeAsyncIterator()
            let job = try #require(try await iterator.next())
            #expect(job.text == "over TLS")
            try await job.complete()
            try await scenario.nodesAreEmpty(after: consumer)
        }
    }

    @Test func `one configuration verifies each node by its own name`() async throws {
        try await withTestAuthority { authority in
            try await Scenario.run { scenario in
                try await run(authority, in: scenario) { nodes in
                    try await exchange(nodes, try .verifying(authorities: authority.certificateFile), in: scenario)
                }
            }
        }
    }

    @Test func `a node of an unknown authority, or of another name, gets nothing`() async throws {
        try await withTestAuthority { authority in
            try await withTestAuthority { other in
                try await Scenario.run { scenario in
                    try await run(authority, in: scenario) { nodes in
                        var renamed: ConnectionConfiguration.TLSMode = try .verifying(
                            authorities: authority.certificateFile)
                        renamed.serverName = "queue.example"
                        for tls in [try .verifying(authorities: other.certificateFile), try .verifying(), renamed] {
                            let producer = try producer(nodes, tls)
                            try await scenario.closing(producer) {
                                let error = await #expect(throws: DelayQueueError.self) {
                                    try await producer.delay(.seconds(60), "x")
                                }
                                #expect(error?.code == .insufficientCopies)
                                #expect(error?.mayStillFire == false, "nothing was sent to a server nobody knows")
                                #expect(error?.nodeFailures.count == 3)
                            }
                        }
                        for node in scenario.nodes.indices {
                            let count = try await scenario.jobCount(on: node)
                            #expect(count == 0)
                        }
                        // Two nodes under each other's name: the third one alone is no quorum.
                        let swapped = try ["127.0.0.1:\(nodes[0].port)", "localhost:\(nodes[1].port)"].map {
                            try BeanstalkNode($0, tube: scenario.tube)
                        }
                        let producer = try producer(
                            swapped + [nodes[2]], try .verifying(authorities: authority.certificateFile))
                        try await scenario.closing(producer) {
                            let error = await #expect(throws: DelayQueueError.self) {
                                try await producer.delay(.seconds(60), "x")
                            }
                            // The node that was to get the lead is among them, whichever it is.
                            let refused = error?.nodeFailures.filter { $0.error is TransportError }.map(\.node) ?? []
                            #expect(!refused.isEmpty && Set(refused).isSubset(of: swapped))
                        }
                    }
                }
            }
        }
    }

    @Test func `an error says what is wrong with TLS`() async throws {
        try await withTestAuthority { authority in
            try await withTestAuthority { other in
                try await Scenario.run(nodes: 1) { scenario in
                    let identity = try await authority.identity(for: ["localhost"])
                    let plain = scenario.cluster.nodes[0].port
                    let trust = try ConnectionConfiguration.TLSMode.verifying(authorities: authority.certificateFile)
                    let distrust = try ConnectionConfiguration.TLSMode.verifying(authorities: other.certificateFile)
                    try await withTLSTerminator(to: plain, identity: identity) { terminator in
                        for (host, port, tls, words) in [
                            ("localhost", terminator.port, distrust, "no authority that is trusted here has signed it"),
                            ("127.0.0.1", terminator.port, trust, "does not bear the name or address of 127.0.0.1"),
                            ("localhost", terminator.port, nil, "perhaps as this port speaks TLS"),
                            ("localhost", plain, trust, "perhaps as this port does not speak TLS"),
                        ] as [(String, Int, ConnectionConfiguration.TLSMode?, String)] {
                            let connection = BeanstalkConnection.beanstalk(
                                .hostname(host, port: port), identifiesServer: true, configuration: connection(tls),
                                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Scenario.logger)
                            let error = await #expect(throws: BeanstalkError.self) { try await connection.stats() }
                            #expect("\(error as Any)".contains(words), "\(error as Any)")
                            await connection.close(drainingFor: .zero)
                        }
                    }
                }
            }
        }
    }

    /// Anybody may call himself what he likes in a common name, where an authority looks at alternative names only.
    @Test(arguments: ["localhost", "127.0.0.1"])
    func `a certificate that bears its server's name as a common name only is refused`(host: String) async throws {
        try await withTestAuthority { authority in
            try await Scenario.run(nodes: 1) { scenario in
                let plain = scenario.cluster.nodes[0].port
                let trust = try ConnectionConfiguration.TLSMode.verifying(authorities: authority.certificateFile)
                for (names, isTaken) in [([], false), ([host], true)] as [([String], Bool)] {
                    let identity = try await authority.identity(for: names, commonName: host)
                    try await withTLSTerminator(to: plain, identity: identity) { terminator in
                        let connection = BeanstalkConnection.beanstalk(
                            .hostname(host, port: terminator.port), configuration: connection(trust),
                            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Scenario.logger)
                        let outcome = await connection.execute([.peekReady], timeout: .seconds(30))
                        #expect((outcome.replies == [.notFound]) == isTaken, "\(outcome)")
                        #expect(isTaken || outcome.failure?.mayHaveBeenSent == false, "\(outcome)")
                        await connection.close(drainingFor: .zero)
                    }
                }
            }
        }
    }

    @Test func `a terminator may ask for a certificate`() async throws {
        try await withTestAuthority { authority in
            let client = try await authority.identity(for: ["client"])
            try await Scenario.run { scenario in
                try await run(authority, in: scenario, clientAuthority: authority.certificateFile) { nodes in
                    let producer = try producer(nodes, try .verifying(authorities: authority.certificateFile))
                    try await scenario.closing(producer) {
                        let error = await #expect(throws: DelayQueueError.self) {
                            try await producer.delay(.seconds(60), "x")
                        }
                        #expect(error?.code == .insufficientCopies)
                    }
                    let tls = try ConnectionConfiguration.TLSMode.verifying(
                        authorities: authority.certificateFile,
                        clientCertificate: .init(
                            certificateFile: client.certificateFile, keyFile: client.keyFile))
                    try await exchange(nodes, tls, in: scenario)
                }
            }
        }
    }

    @Test func `a server that never finishes the handshake is given up`() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        var configuration = connection(try .verifying())
        configuration.connectTimeout = .milliseconds(100)
        let connection = BeanstalkConnection.beanstalk(
            .hostname("127.0.0.1", port: port), configuration: configuration,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Scenario.logger)
        let outcome = await connection.execute([.stats], timeout: .seconds(30))
        #expect(outcome.failure?.code == .connectFailed)
        #expect(outcome.failure?.mayHaveBeenSent == false)
        await connection.close()
        try await silent.close()
    }

    @Test func `files that cannot be used are named`() {
        for attempt in [
            { try ConnectionConfiguration.TLSMode.verifying(authorities: "/nowhere.pem") },
            {
                try .verifying(clientCertificate: .init(certificateFile: "/nowhere.pem", keyFile: "/nowhere.key"))
            },
        ] {
            let error = #expect(throws: TLSFileError.self) { try attempt() }
            #expect(error?.description.contains("/nowhere.pem") == true)
        }
    }
}

extension BeanstalkNode {
    fileprivate var port: String { address.description.split(separator: ":").last.map(String.init) ?? "" }
}
