// swift-tools-version: 6.2

import PackageDescription

/// The settings every target of this package is built with.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
    .enableUpcomingFeature("ExistentialAny"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
    .enableUpcomingFeature("InternalImportsByDefault"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
    .enableUpcomingFeature("MemberImportVisibility"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0461-async-function-isolation.md
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0443-warning-control-flags.md
    .treatAllWarnings(as: .error),
]

// MARK: Products of other packages

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration: Target.Dependency = .product(
    name: "Configuration", package: "swift-configuration", condition: .when(traits: ["Configuration"]))
let crypto: Target.Dependency = .product(
    name: "Crypto", package: "swift-crypto", condition: .when(traits: ["Sealing"]))
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let locks: Target.Dependency = .product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let metricsTestKit: Target.Dependency = .product(name: "MetricsTestKit", package: "swift-metrics")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
]
let nioTLS: [Target.Dependency] = [
    .product(name: "NIOSSL", package: "swift-nio-ssl", condition: .when(traits: ["TLS"])),
    .product(name: "NIOTLS", package: "swift-nio", condition: .when(traits: ["TLS"])),
]
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
/// With the module of its paths, which belongs to the system elsewhere.
let subprocess: [Target.Dependency] = [
    .product(name: "Subprocess", package: "swift-subprocess"),
    .product(name: "SystemPackage", package: "swift-system", condition: .when(platforms: [.linux])),
]
let inMemoryTracing: Target.Dependency = .product(name: "InMemoryTracing", package: "swift-distributed-tracing")
let serviceContext: Target.Dependency = .product(name: "ServiceContextModule", package: "swift-service-context")
let tracing: [Target.Dependency] = [
    .product(name: "Tracing", package: "swift-distributed-tracing"),
    .product(name: "Instrumentation", package: "swift-distributed-tracing"),
    serviceContext,
]

// MARK: Targets

/// What nearly everything uses.
let common = [locks, logging] + nio
/// What programs and tests use that talk to servers.
let client = ["Beanstalk", "DelayQueue", "HiredisClient", "PipelinedTransport"] + common
/// What tests use besides what they test.
let testing: [Target.Dependency] = ["DelayQueueTestKit", "TestSupport"]

func library(
    _ name: String, path: String? = nil, _ dependencies: [Target.Dependency]
) -> Target {
    .target(name: name, dependencies: dependencies, path: path, swiftSettings: swiftSettings)
}

func program(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency] = []) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: swiftSettings)
}

func tests(
    _ name: String, path: String? = nil, exclude: [String] = [], resources: [Resource] = [],
    _ dependencies: [Target.Dependency]
) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: path, exclude: exclude, resources: resources,
        swiftSettings: swiftSettings)
}

let package = Package(
    name: "swift-delay-queue",
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .watchOS(.v11), .visionOS(.v2)],
    products: [
        .library(name: "DelayQueue", targets: ["DelayQueue"]),
        .library(name: "Beanstalk", targets: ["Beanstalk"]),
        .library(name: "DelayQueueJobs", targets: ["DelayQueueJobs"]),
        .library(name: "DelayQueueTestKit", targets: ["DelayQueueTestKit"]),
        .executable(name: "dq", targets: ["dq"]),
    ],
    // Those on by default build a BoringSSL of their own each, and both together are most of a first build. What is missing
    // without them is told in README.md and tried by `./dev traits`.
    traits: [
        .trait(name: "TLS", description: "Connections over TLS to nodes and ledger (rediss://)."),
        .trait(name: "Sealing", description: "Jobs that are signed or encrypted, and keys for them."),
        .trait(name: "Configuration", description: "Queues that a ConfigReader of swift-configuration tells of."),
        .default(enabledTraits: ["TLS", "Sealing"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.0.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.3.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.82.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.29.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
        .package(url: "https://github.com/apple/swift-service-context", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        // The library, from the bottom up.
        .systemLibrary(
            name: "CHiredis", pkgConfig: "hiredis", providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
        library("PipelinedTransport", [deque] + common + nioTLS),
        library("Beanstalk", ["PipelinedTransport"] + common),
        library("HiredisClient", ["CHiredis", "PipelinedTransport"] + common),
        library(
            "DelayQueue",
            [
                "Beanstalk", "HiredisClient", "PipelinedTransport", configuration, crypto, deque, heap, lifecycle,
                metrics,
            ]
                + common),
        library("DelayQueueJobs", ["DelayQueue", "PipelinedTransport", lifecycle, metrics] + common + tracing),
        library(
            "DelayQueueTestKit",
            ["Beanstalk", "DelayQueue", "DelayQueueJobs", "PipelinedTransport", heap, serviceContext] + common + nioTLS
                + subprocess),

        // Programs: the operator's, and those that show, measure and count.
        library("CommandSupport", client + [argumentParser, signals] + subprocess),
        program("dq", client + ["CommandSupport", argumentParser] + subprocess),
        program(
            "demo", path: "Tests/Demo/Demo",
            client + ["CommandSupport", "DelayQueueTestKit", argumentParser] + subprocess),
        program(
            "bench", path: "Tests/Benchmarks/Bench",
            client + ["CommandSupport", "DelayQueueTestKit", argumentParser] + subprocess),
        program(
            "cost", path: "Tests/Benchmarks/Cost",
            client + ["DelayQueueJobs", "DelayQueueTestKit", argumentParser] + subprocess),

        // Tests, and what they use.
        library(
            "TestSupport", path: "Tests/Support",
            ["DelayQueue", "DelayQueueJobs", "DelayQueueTestKit", metrics, metricsTestKit] + common + subprocess),
        program("month", path: "Tests/Month", ["DelayQueue", "DelayQueueJobs", logging] + testing),
        tests("PipelinedTransportTests", ["PipelinedTransport"] + testing + common + nioTLS),
        tests("BeanstalkTests", ["Beanstalk", "PipelinedTransport"] + testing + common),
        tests("HiredisClientTests", ["HiredisClient", "PipelinedTransport"] + testing + common + nioTLS),
        tests("DelayQueueTests", resources: [.copy("Vectors")], client + testing + [crypto]),
        // A stranger to this package, as users are: one dependency, and no `package` declarations.
        .testTarget(
            name: "PublicSurfaceTests",
            dependencies: ["DelayQueue", "DelayQueueJobs", "DelayQueueTestKit", logging], path: "Tests/PublicSurface",
            packageAccess: false,
            swiftSettings: swiftSettings),
        tests(
            "DelayQueueJobsTests", exclude: ["Schedules/ticks.py"], resources: [.copy("Schedules/Ticks.json")],
            ["DelayQueue", "DelayQueueJobs", inMemoryTracing, metricsTestKit] + testing + common + tracing),
        tests("DelayQueueTestKitTests", ["DelayQueue"] + testing + common),
        tests("CommandSupportTests", ["CommandSupport"] + client + testing),
        tests("dqTests", ["dq", "CommandSupport"] + client + testing + subprocess),
        tests("DemoTests", path: "Tests/Demo/Tests", ["demo", "dq", "CommandSupport"] + client + testing + subprocess),
        tests(
            "BenchTests", path: "Tests/Benchmarks/BenchTests",
            ["bench", "CommandSupport"] + client + testing + subprocess),
        tests("CostTests", path: "Tests/Benchmarks/CostTests", ["cost", "DelayQueue"]),
        tests(
            "IntegrationTests", path: "Tests/Integration", exclude: ["Chaos", "ChaosHandler", "ScheduleWorker"],
            ["schedule-worker"] + client + testing + [lifecycle, metrics, metricsTestKit] + subprocess),
        program(
            "schedule-worker", path: "Tests/Integration/ScheduleWorker",
            ["DelayQueue", "DelayQueueJobs", lifecycle, logging, signals]),
        program("chaos-handler", path: "Tests/Integration/ChaosHandler"),
        tests("ChaosTests", path: "Tests/Integration/Chaos", ["chaos-handler", "dq"] + client + testing),
        library("SimulatedWorld", path: "Tests/Simulation/World", client + ["TestSupport", heap]),
        program("simulate", path: "Tests/Simulation/Simulate", ["SimulatedWorld"]),
        tests(
            "SimulationTests", path: "Tests/Simulation/Tests", ["DelayQueue", "PipelinedTransport", "SimulatedWorld"]),
        tests("HostilePeerTests", path: "Tests/Hostile", ["dq"] + client + testing + subprocess),
        library("FuzzProperties", path: "Tests/Fuzz/Properties", client + ["CommandSupport"]),
        tests(
            "FuzzTests", path: "Tests/Fuzz/Seeded", resources: [.copy("Corpus")],
            ["FuzzProperties", "TestSupport"] + common),
    ]
)

// What `./dev fuzz` builds: libFuzzer's entry point, and the readers of foreign bytes compiled so that it sees which
// branches an input takes. Nobody else's build has any of it.
if Context.environment["DQ_FUZZ"] != nil {
    let fuzzer: [SwiftSetting] = [.unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"])]
    let readers = ["Beanstalk", "CommandSupport", "DelayQueue", "HiredisClient"]
    for target in package.targets where readers.contains(target.name) {
        target.swiftSettings = swiftSettings + fuzzer
    }
    package.targets.append(
        .executableTarget(
            name: "fuzz-target",
            dependencies: ["FuzzProperties"] + nio,
            path: "Tests/Fuzz/Target",
            swiftSettings: swiftSettings + fuzzer,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]
        )
    )
}
