import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import NIOCore
import Testing

@Suite("Revocation", .serialized, .timeLimit(.minutes(4)))
struct RevokeTests {
    @Test func `a revoked job leaves no copy and never runs`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let receipt = try await producer.delay(.milliseconds(300), "revoked")
                try await producer.delay(.milliseconds(600), "kept")
                let outcome = try await producer.revoke(try #require(Receipt(receipt.description)))
                #expect(outcome == .revoked)
                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                #expect(job.text == "kept")
                try await job.complete()
                try await scenario.nodesAreEmpty(after: consumer)
                let again = try await producer.revoke(receipt)
                #expect(again == .revoked, "revoking twice is no error")
            }
        }
    }

    @Test func `a job revoked while a node was down does not run when the node is back`() async throws {
        try await Scenario.run(binlog: true) { scenario in
            // Together: the receipt would not wait for a lead.
            let producer = try scenario.producer(ledger: scenario.ledger) { $0.copyMode = .together }
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let receipt = try await producer.delay(.zero, "revoked")
                await scenario.cluster.nodes[1].kill()
                let outcome = try await producer.revoke(receipt)
                #expect(outcome == .revoked)
                try await scenario.cluster.nodes[1].restart()
                let left = try await scenario.jobCount(on: 1)
                #expect(left == 1, "its log brought the copy back")
                try await scenario.nodesAreEmpty(after: consumer)
            }
        }
    }

    @Test func `running and finished jobs say so`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let receipt = try await producer.delay(.zero, "x")
                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                let running = try await producer.revoke(receipt)
                #expect(running == .alreadyRunning)
                try await job.complete()
                let done = try await producer.revoke(receipt)
                #expect(done == .alreadyDone)
            }
        }
    }

    @Test func `without a ledger copies are deleted, and doubt is reported as incomplete`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            try await scenario.closing(producer) {
                let whole = try await producer.delay(.seconds(60), "whole")
                let revoked = try await producer.revoke(whole)
                #expect(revoked == .revoked)
                let gone = try await producer.revoke(whole)
                #expect(gone == .alreadyDone)

                let partly = try await producer.delay(.seconds(60), "partly")
                await scenario.cluster.nodes[0].kill()
                let incomplete = try await producer.revoke(partly)
                #expect(incomplete == .incomplete)
                let left = try await scenario.jobCount(on: 1)
                #expect(left == 0)
            }
        }
    }

    @Test func `a copy a consumer holds makes a revocation without ledger incomplete`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer { $0.copyMode = .together }
            try await scenario.closing(producer) {
                let receipt = try await producer.delay(.zero, "x")
                try await scenario.withConnection(to: 0) { connection in
                    let reservation = try await connection.reserve(timeout: 5)
                    #expect(reservation != nil)
                    let outcome = try await producer.revoke(receipt)
                    #expect(outcome == .incomplete)
                }
            }
        }
    }

    @Test func `a node that lost its data does not lose a stranger's job to an old receipt`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            try await scenario.closing(producer) {
                let old = try await producer.delay(.seconds(60), "old")
                for node in scenario.cluster.nodes {
                    await node.kill()
                    try await node.restart()
                }
                // Without a log every node starts at id 1 again, so these jobs bear the old one's ids.
                try await scenario.eventually {
                    do {
                        return try await producer.delay(.seconds(60), "stranger").placements.count == 3
                    } catch let error as DelayQueueError where error.isRetriable {
                        return false
                    }
                }
                var before: [Int] = []
                for node in scenario.nodes.indices { before.append(try await scenario.jobCount(on: node)) }
                let outcome = try await producer.revoke(old)
                #expect(outcome == .alreadyDone, "no copy of it is left anywhere")
                for node in scenario.nodes.indices {
                    let after = try await scenario.jobCount(on: node)
                    #expect(after == before[node])
                }
            }
        }
    }

    @Test func `on servers it knows by their ids a producer made anew deletes without a look`() async throws {
        try await Scenario.run { scenario in
            let first = try scenario.producer()
            let receipts = try await scenario.closing(first) {
                [try await first.delay(.seconds(60), "x"), try await first.delay(.seconds(60), "y")]
            }
            for receipt in receipts { #expect(receipt.placements.compactMap(\.serverID).count == 3) }
            let second = try scenario.producer()
            try await scenario.closing(second) {
                // Before it has talked to a node it does not know it, and looks.
                let unknown = try await second.revoke(receipts[0])
                #expect(unknown == .revoked)
                for node in scenario.nodes.indices { #expect(try await scenario.peeks(on: node) == 1) }
                let known = try await second.revoke(try #require(Receipt(receipts[1].description)))
                #expect(known == .revoked)
                for node in scenario.nodes.indices {
                    #expect(try await scenario.peeks(on: node) == 1)
                    #expect(try await scenario.jobCount(on: node) == 0)
                }
            }
        }
    }

    @Test func `a server that came back with its log is another one, and what it kept is found by a look`() async throws
    {
        try await Scenario.run(binlog: true) { scenario in
            let producer = try scenario.producer()
            try await scenario.closing(producer) {
                let old = try await producer.delay(.seconds(60), "old")
                for node in scenario.cluster.nodes {
                    await node.kill()
                    try await node.restart()
                }
                var new: Receipt?
                try await scenario.eventually {
                    do {
                        new = try await producer.delay(.seconds(60), "new")
                        return new?.placements.compactMap(\.id).count == 3
                    } catch let error as DelayQueueError where error.isRetriable {
                        return false
                    }
                }
                let servers = Set(old.placements.map(\.serverID))
                #expect(servers.count == 3 && servers.isDisjoint(with: new?.placements.map(\.serverID) ?? []))
                let outcome = try await producer.revoke(old)
                #expect(outcome == .revoked)
                for node in scenario.nodes.indices { #expect(try await scenario.peeks(on: node) == 1) }
            }
        }
    }

    @Test func `revoking a caller's own refused id is not needed: it can be written again and runs`() async throws {
        try await Scenario.run { scenario in
            await scenario.cluster.nodes[0].kill()
            await scenario.cluster.nodes[1].kill()
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                var options = JobOptions()
                options.id = try JobID("mine")
                let date = Date(timeIntervalSinceNow: 1)
                await #expect(throws: DelayQueueError.self) { try await producer.at(date, "x", options: options) }
                try await scenario.cluster.nodes[0].restart()
                try await scenario.cluster.nodes[1].restart()
                options.pastDates = .runImmediately
                try await scenario.eventually {
                    do {
                        try await producer.at(date, "x", options: options)
                        return true
                    } catch let error as DelayQueueError where error.isRetriable {
                        return false
                    }
                }
                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                #expect(job.id.description == "mine")
                try await job.complete()
            }
        }
    }
}
