// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "QuickStart",
    platforms: [.macOS(.v15)],
    dependencies: [
        // In a project of your own: .package(url: "https://…/swift-delay-queue", from: "…"). Nothing here uses TLS or seals
        // jobs; without these traits the first build is a third as long.
        .package(name: "swift-delay-queue", path: "../..", traits: [])
    ],
    targets: [
        .executableTarget(
            name: "Produce", dependencies: [.product(name: "DelayQueue", package: "swift-delay-queue")]),
        .executableTarget(
            name: "Consume", dependencies: [.product(name: "DelayQueue", package: "swift-delay-queue")]),
        .executableTarget(
            name: "Typed",
            dependencies: [
                .product(name: "DelayQueue", package: "swift-delay-queue"),
                .product(name: "DelayQueueJobs", package: "swift-delay-queue"),
            ]),
    ]
)
