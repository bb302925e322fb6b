// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let inMemoryTracing: Target.Dependency = .product(name: "InMemoryTracing", package: "swift-distributed-tracing")
let jobs: [Target.Dependency] = [
    .product(name: "DelayQueue", package: "swift-delay-queue"),
    .product(name: "DelayQueueJobs", package: "swift-delay-queue"),
]
let lifecycle: [Target.Dependency] = [
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
    .product(name: "UnixSignals", package: "swift-service-lifecycle"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
]
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let testKit: Target.Dependency = .product(name: "DelayQueueTestKit", package: "swift-delay-queue")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")

let package = Package(
    name: "Reminders",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-configuration", from: "1.0.0", traits: []),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.3.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.82.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.0.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.20.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
        // In a project of your own: .package(url: "https://…/swift-delay-queue", from: "…"). Nothing here uses TLS or seals
        // jobs; without these traits no BoringSSL is built.
        .package(name: "swift-delay-queue", path: "../..", traits: []),
    ],
    targets: [
        // The service, and the two programs that run it: with the servers of the environment, and with throwaway ones.
        .target(
            name: "Reminders",
            dependencies: jobs + lifecycle + [configuration, grdb, hummingbird, logging, metrics],
            resources: [.embedInCode("Page")], swiftSettings: settings),
        .executableTarget(
            name: "Serve", dependencies: ["Reminders", configuration, metrics], swiftSettings: settings),
        .executableTarget(
            name: "RemindersDemo", dependencies: ["Reminders", configuration, metrics, testKit], swiftSettings: settings
        ),
        .testTarget(
            name: "RemindersTests",
            dependencies: jobs + lifecycle + nio + [
                "Reminders", configuration, grdb, inMemoryTracing, metrics, subprocess, testKit, tracing,
            ],
            swiftSettings: settings),
    ]
)
