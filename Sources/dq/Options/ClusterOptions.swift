import ArgumentParser
import DelayQueue
import Foundation
import Logging

/// Where the queue is: the options all commands share, and their environment variables.
struct ClusterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The beanstalkd nodes, separated by commas.",
            discussion: "DQ_NODES in the environment stands in for it.", valueName: "host:port,..."))
    var nodes: String?

    @Option(
        help: ArgumentHelp(
            "The tube used on every node; 'default' unless given.",
            discussion: "DQ_TUBE in the environment stands in for it.", valueName: "name"))
    var tube: String?

    @Option(
        help: ArgumentHelp(
            "The ledger: redis://, rediss:// or unix://, with user:password@ and /database where needed.",
            discussion: "DQ_REDIS in the environment stands in for it, and keeps a password out of process lists.",
            valueName: "url"))
    var redis: String?

    @Flag(name: .shortAndLong, help: "Log what connections do, on standard error.")
    var verbose = false

    static let defaultTube = "default"

    /// - Throws: `ValidationError`, saying which option or variable is wrong.
    func resolvedNodes() throws -> [BeanstalkNode] {
        guard let (list, source) = Self.value(nodes, option: "--nodes", variable: "DQ_NODES") else {
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
    func resolvedTube() throws -> String {
        guard let (tube, source) = Self.value(tube, option: "--tube", variable: "DQ_TUBE") else {
            return Self.defaultTube
        }
        do {
            // Any address will do: it is the tube's name that is looked at.
            _ = try BeanstalkNode("localhost", tube: tube)
        } catch {
            throw ValidationError("\(source): \(error.message)")
        }
        return tube
    }

    /// The ledger's URL, checked; nil where none was given.
    ///
    /// - Throws: `ValidationError`.
    func resolvedRedisURL() throws -> String? {
        guard let (url, source) = Self.value(redis, option: "--redis", variable: "DQ_REDIS") else { return nil }
        do {
            _ = try RedisLedger(url)
        } catch {
            throw ValidationError("\(source): \(error.message)")
        }
        return url
    }

    /// - Throws: `ValidationError`.
    func ledger() throws -> RedisLedger? {
        try resolvedRedisURL().map { try RedisLedger($0, logger: logger(label: "dq.ledger")) }
    }

    /// - Throws: `ValidationError` where there is none.
    func requiredLedger() throws -> RedisLedger {
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
    func validateForProducing() throws {
        _ = try resolvedRedisURL()
        let nodes = try resolvedNodes()
        do {
            _ = try Producer(nodes: nodes)
        } catch {
            throw ValidationError("--nodes: \(error.message)")
        }
    }

    func logger(label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = verbose ? .debug : .warning
        return logger
    }

    /// An option counts before its variable. A variable that is empty is one that is not set; an empty option is a
    /// mistake, such as an unset shell variable.
    private static func value(
        _ option: String?, option name: String, variable: String
    ) -> (value: String, source: String)? {
        if let option { return (option, name) }
        guard let value = ProcessInfo.processInfo.environment[variable], !value.isEmpty else { return nil }
        return (value, variable)
    }
}
