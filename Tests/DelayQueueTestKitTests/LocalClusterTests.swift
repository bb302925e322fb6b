import DelayQueueTestKit
import Testing

@Suite("Local cluster", .timeLimit(.minutes(4)))
struct LocalClusterTests {
    @Test func startsAllAndStopsAll() async throws {
        let (folders, processIDs) = try await withLocalCluster(nodes: 3) { cluster in
            #expect(cluster.nodes.count == 3)
            #expect(Set(cluster.addresses).count == 3)
            for node in cluster.nodes {
                try await expect(port: node.port, "list-tube-used", answer: "USING default")
            }
            let redis = try #require(cluster.redis)
            #expect(try await ask(port: redis.port, "PING")?.hasPrefix("-NOAUTH") == true)
            return try await resources(of: cluster)
        }
        for folder in folders { #expect(!exists(path: folder)) }
        for processID in processIDs { #expect(!exists(processID: processID)) }
    }

    @Test func redisIsOptional() async throws {
        try await withLocalCluster(nodes: 1, redis: false) { cluster in
            #expect(cluster.nodes.count == 1)
            #expect(cluster.redis == nil)
        }
    }

    @Test func stopsAllWhenTheBodyThrows() async throws {
        struct Failure: Error {}
        var found: (folders: [String], processIDs: [Int32]) = ([], [])
        await #expect(throws: Failure.self) {
            try await withLocalCluster(nodes: 2) { cluster in
                found = try await resources(of: cluster)
                throw Failure()
            }
        }
        #expect(found.processIDs.count == 3)
        for folder in found.folders { #expect(!exists(path: folder)) }
        for processID in found.processIDs { #expect(!exists(processID: processID)) }
    }

    @Test func stopsAllWhenTheTaskIsCancelled() async throws {
        let task = Task {
            var found: (folders: [String], processIDs: [Int32]) = ([], [])
            do {
                try await withLocalCluster(nodes: 2) { cluster in
                    found = try await resources(of: cluster)
                    withUnsafeCurrentTask { $0?.cancel() }
                    try await Task.sleep(for: .seconds(60))
                }
            } catch is CancellationError {}
            return found
        }
        let found = try await task.value
        #expect(found.processIDs.count == 3)
        for folder in found.folders { #expect(!exists(path: folder)) }
        for processID in found.processIDs { #expect(!exists(processID: processID)) }
    }

    @Test func failureOfOneStopsTheOthers() async throws {
        var options = RedisOptions()
        options.executable = "no-such-redis"
        let error = await #expect(throws: TestKitError.self) {
            try await LocalCluster.start(nodes: 3, redisOptions: options)
        }
        #expect(error?.code == .executableNotFound)
    }

    @Test func manyClustersRunSideBySide() async throws {
        let ports = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<10 {
                group.addTask {
                    try await withLocalCluster(binlog: true) { cluster in
                        for node in cluster.nodes {
                            try await expect(port: node.port, "put 1 0 60 1\r\nx", answer: "INSERTED 1")
                        }
                        return cluster.nodes.map(\.port)
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(ports.count == 30)
    }

    private func resources(of cluster: LocalCluster) async throws -> (folders: [String], processIDs: [Int32]) {
        var processIDs: [Int32] = []
        for node in cluster.nodes { processIDs.append(try #require(await node.processID)) }
        var folders = cluster.nodes.map(\.folder)
        if let redis = cluster.redis {
            processIDs.append(try #require(await redis.processID))
            folders.append(redis.folder)
        }
        return (folders, processIDs)
    }
}
