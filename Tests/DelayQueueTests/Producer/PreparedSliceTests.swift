import NIOCore
import Testing

@testable import DelayQueue

@Suite("What is written in one go")
struct PreparedSliceTests {
    static func requests(_ count: Int, bodySize: Int) -> [JobRequest] {
        let body = ByteBuffer(repeating: 0x61, count: bodySize)
        return (0..<count).map { _ in JobRequest(delay: .seconds(60), body) }
    }

    static func slices(of requests: [JobRequest]) throws -> [Producer.PreparedSlice] {
        let producer = try Producer(nodes: [BeanstalkNode("127.0.0.1:1"), BeanstalkNode("127.0.0.1:2")])
        var rest = requests[...]
        var slices: [Producer.PreparedSlice] = []
        while !rest.isEmpty { slices.append(producer.prepare(takingFrom: &rest)) }
        return slices
    }

    @Test func `small jobs are cut by their number`() throws {
        let slices = try Self.slices(of: Self.requests(5_000, bodySize: 0))
        #expect(slices.map(\.jobs.count) == [2_048, 2_048, 904])
        #expect(slices.flatMap(\.positions) == Array(0..<5_000))
    }

    @Test func `large jobs are cut by their bytes`() throws {
        let slices = try Self.slices(of: Self.requests(20, bodySize: 3 << 20))
        #expect(slices.map(\.jobs.count) == [6, 6, 6, 2])
        let largest = try Self.slices(of: Self.requests(3, bodySize: Producer.largestBody))
        #expect(largest.map(\.jobs.count) == [2, 1])
    }

    @Test func `a refused request keeps its place`() throws {
        var requests = Self.requests(4, bodySize: 1)
        requests[2] = JobRequest(delay: .seconds(-1), ByteBuffer())
        let slices = try Self.slices(of: requests)
        #expect(slices.map(\.positions) == [[0, 1, 3]])
        #expect(slices.first?.errors.map(\.position) == [2])
        #expect(slices.first?.errors.first?.error.code == .dateInPast)
    }

    @Test func `gathered single calls are cut alike`() {
        #expect(Producer.sliceLength(of: Array(repeating: 0, count: 3_000)) == 2_048)
        #expect(Producer.sliceLength(of: Array(repeating: 3 << 20, count: 20)) == 6)
        #expect(Producer.sliceLength(of: [Producer.largestBody, Producer.largestBody, 1]) == 2)
        #expect(Producer.sliceLength(of: [1, 2, 3]) == 3)
        #expect(Producer.sliceLength(of: []) == 0)
    }
}
