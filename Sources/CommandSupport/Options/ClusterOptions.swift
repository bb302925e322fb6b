package import ArgumentParser
package import Beanstalk
package import DelayQueue
import Foundation
import HiredisClient
package import Logging
package import NIOCore
import NIOPosix

/// Where the queue is: the options all commands share, and their environment variables.
package struct ClusterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The beanstalkd nodes, separated by commas.",
            discussion: "DQ_NODES in the environment stands in for it.", valueName: "host:port,..."))
    package var nodes: String?

    @Option(
        help: ArgumentHelp(
            "The tube used on every node, with a second one named after it, NAME.standby; 'default' unless given.",
            discussion: "DQ_TUBE in the environment stands in for it.", valueName: "name"))
    package var tube: String?

    @Option(
        help: ArgumentHelp(
            "The ledger: redis://, rediss:// or unix://, with user:password@ and /database where needed.",
            discussion: "DQ_REDIS in the environment stands in for it, and keeps a password out of process lists.",
            valueName: "url"))
    package var redis: String?

    @Option(
        help: ArgumentHelp(
            "The largest job that is written and read, its headers and all else included; 1M unless given.",
            discussion: """
                Who schedules jobs and who consumes them must agree on it, and nodes take no more than their own -z says, 64K \
                unless given. Consumers bury what is larger, unread. DQ_MAX_RECORD in the environment stands in for it.
                """, valueName: "bytes"))
    package var maxRecord: String?

    @OptionGroup(title: "Security") package var security: SecurityOptions

    @Flag(name: .shortAndLong, help: "Log what connections do, on standard error.")
    package var verbose = false

    private static let defaultTube = "default"

    /// The loop that a command's one consumer and its ledger share, so that they need no hop between threads.
    package static let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()

    package init() {}

    /// - Throws: `ValidationError` where files for TLS are named, and nothing speaks it.
    package func validate() throws {
        guard let source = try security.tlsFile(), try !security.nodesSpeakTLS() else { return }
        guard let url = try resolvedRedisURL(), try RedisURL(parsing: url).isTLS else {
            throw ValidationError(
                "\(source) is for nodes with --tls (or DQ_TLS=1) and a ledger with rediss://; without them all goes in "
                    + "plain text.")
        }
    }

    /// - Throws: `ValidationError`, saying which option or variable is wrong.
    package func resolvedNodes() throws -> [BeanstalkNode] {
        guard let (list, source) = try Variable.value(nodes, option: "--nodes", variable: "DQ_NODES") else {
            throw ValidationError("No nodes: give --nodes host:port,host:port or set DQ_NODES.")
        }
        let tube = try resolvedTube()
        do {
            return try list.split(separator: ",", omittingEmptySubsequences: false).map {
                part throws(DelayQueueError) in
                try BeanstalkNode(String(part).trimmingCharacters(in: .whitespaces), tube: tube)
            }
        } catch {
            throw ValidationError("\(source): \(error.message)")
        }
    }

    /// - Throws: `ValidationError`.
    package func resolvedTube() throws -> String {
        guard let (tube, source) = try Variable.value(tube, option: "--tube", variable: "DQ_TUBE") else {
            return Self.defaultTube
        }
        do {
            // Any address will do: it is the tube's name that is looked at.
            _ = try BeanstalkNode("localhost", tube: tube)
        } catch {
            throw ValidationError("\(source): \(error.message)")
        }
        let problems = QueueName.problems(tube: tube)
        guard problems.isEmpty else { throw ValidationError("\(source): \(problems.joined(separator: "; "))") }
        return tube
    }

    /// The largest record of a job, in bytes; nil where none was given.
    ///
    /// - Throws: `ValidationError`.
    private func resolvedMaxRecord() throws -> Int? {
        guard let (text, source) = try Variable.value(maxRecord, option: "--max-record", variable: "DQ_MAX_RECORD")
        else {
            return nil
        }
        do {
            return try SizeText.parse(text)
        } catch {
            throw ValidationError("\(source): \(error)")
        }
    }

    /// The ledger's URL, checked; nil where none was given.
    ///
    /// - Throws: `ValidationError`.
    package func resolvedRedisURL() throws -> String? {
        guard let (url, source) = try Variable.value(redis, option: "--redis", variable: "DQ_REDIS") else { return nil }
        do {
            _ = try RedisLedger(url)
        } catch {
            throw ValidationError("\(source): \(error.message)")
        }
        return url
    }

    /// Whether `DQ_REDIS` is not for others to see: it has a password, or cannot be read.
    package static var isRedisVariableSecret: Bool {
        guard let url = ProcessInfo.processInfo.environment["DQ_REDIS"] else { return false }
        guard let parsed = try? RedisURL(parsing: url) else { return true }
        return parsed.password != nil
    }

    /// - Throws: `ValidationError`.
    package func ledger() throws -> RedisLedger? {
        try resolvedRedisURL().map { url in
            var configuration = RedisLedgerConfiguration()
            configuration.connection = try ledgerConnection(to: url)
            configuration.eventLoop = Self.eventLoop
            return try RedisLedger(url, configuration: configuration, logger: logger(label: "dq.ledger"))
        }
    }

    /// - Throws: `ValidationError`.
    package func ledgerConnection(to url: String) throws -> ConnectionConfiguration {
        try security.ledgerConnection(isTLS: (try? RedisURL(parsing: url).isTLS) ?? false)
    }

    /// - Throws: `ValidationError` where there is none.
    package func requiredLedger() throws -> RedisLedger {
        guard let ledger = try ledger() else {
            throw ValidationError(
                "No ledger: give --redis redis://host:port or set DQ_REDIS. Without it nothing would keep a job from "
                    + "running once per copy.")
        }
        return ledger
    }

    /// Checks everything a producer needs, without connecting.
    ///
    /// - Throws: `ValidationError`.
    package func validateForProducing() throws {
        _ = try resolvedRedisURL()
        let nodes = try resolvedNodes()
        do {
            _ = try Producer(nodes: nodes, configuration: try producerConfiguration())
        } catch let error as DelayQueueError {
            throw ValidationError("--nodes: \(error.message)")
        }
    }

    /// A producer's configuration with the keys and connections that the options ask for.
    ///
    /// - Throws: `ValidationError`.
    package func producerConfiguration() throws -> ProducerConfiguration {
        var configuration = ProducerConfiguration()
        #if Sealing
            configuration.keyRing = try security.keyRing()
        #endif
        configuration.connection = try security.nodeConnection()
        if let size = try resolvedMaxRecord() { configuration.maximumRecordSize = size }
        return configuration
    }

    /// A consumer's configuration with the keys and connections that the options ask for.
    ///
    /// - Throws: `ValidationError`.
    package func consumerConfiguration() throws -> ConsumerConfiguration {
        var configuration = ConsumerConfiguration()
        #if Sealing
            configuration.keyRing = try security.keyRing()
        #endif
        configuration.connection = try security.nodeConnection()
        if let size = try resolvedMaxRecord() { configuration.maximumRecordSize = size }
        configuration.eventLoop = Self.eventLoop
        return configuration
    }

    /// What a person does with the queue, over connections as the options ask for.
    ///
    /// - Parameter ledger: is not closed with it.
    /// - Throws: `ValidationError`.
    package func operations(ledger: RedisLedger) throws -> QueueOperations {
        var configuration = JobQueueConfiguration()
        #if Sealing
            configuration.keyRing = try security.keyRing()
        #endif
        configuration.connection = try security.nodeConnection()
        if let size = try resolvedMaxRecord() { configuration.maximumRecordSize = size }
        configuration.eventLoop = Self.eventLoop
        return try QueueOperations(
            nodes: try resolvedNodes(), ledger: ledger, configuration: configuration,
            logger: logger(label: "dq.operations"))
    }

    package func logger(label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        // What is back is told to whom it was told that it is away.
        logger.logLevel = verbose ? .debug : .notice
        return logger
    }
}
