// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that the trait `Configuration` is tried as users turn it on; with `Sealing`, as keys are settings
// too, and without TLS.
let package = Package(
    name: "ConfigurationTests",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-delay-queue", path: "../..", traits: ["Configuration", "Sealing"]),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.0.0"),
    ],
    targets: [
        .testTarget(
            name: "ConfigurationTests",
            dependencies: [
                .product(name: "DelayQueue", package: "swift-delay-queue"),
                .product(name: "Configuration", package: "swift-configuration"),
            ],
            path: "Tests",
            // As swift-configuration is built, whose protocol for providers a test conforms to.
            swiftSettings: [.enableUpcomingFeature("NonisolatedNonsendingByDefault")])
    ]
)
