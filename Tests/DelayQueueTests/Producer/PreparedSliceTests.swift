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
        var configuration = ProducerConfiguration()
        configuration.maximumRecordSize = 16 << 20
        let producer = try Producer(
            nodes: [BeanstalkNode("127.0.0.1:1"), BeanstalkNode("127.0.0.1:2")], configuration: configuration)
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
        let largest = try Self.slices(of: Self.requests(3, bodySize: 15 << 20))
        #expect(largest.map(\.jobs.count) == [2, 1])
    }

    @Test func `headers count as bodies do`() throws {
        var options = JobOptions()
        options.headers = ["h": String(repeating: "v", count: 999_000)]
        let request = JobRequest(delay: .seconds(60), ByteBuffer(), options: options)
        let slices = try Self.slices(of: Array(repeating: request, count: 20))
        #expect(slices.map(\.jobs.count) == [17, 3])
    }

    @Test func `a record is no longer than it is said to be`() throws {
        var options = JobOptions()
        options.headers = ["h": "v"]
        let requests = Self.requests(1, bodySize: 100) + [JobRequest(delay: .seconds(60), "body", options: options)]
        for job in try Self.slices(of: requests).flatMap(\.jobs) {
            for copies in [0, 3, 64] {
                guard case .native(let template) = job.record else { continue }
                let size = template.size(copy: max(copies - 1, 0), copies: copies)
                #expect(size <= job.recordSize && size + 4 > job.recordSize)
            }
        }
    }

    @Test func `a refused request keeps its place`() throws {
        var requests = Self.requests(4, bodySize: 1)
        requests[2] = JobRequest(delay: .seconds(-1), ByteBuffer())
        let slices = try Self.slices(of: requests)
        #expect(slices.map(\.positions) == [[0, 1, 3]])
        #expect(slices.first?.errors.map(\.position) == [2])
        #expect(slices.first?.errors.first?.error.code == .dateInPast)
    }

    static func countOfFirstSlice(of recordSizes: [Int]) -> Int {
        var written = WriteSize()
        return recordSizes.prefix { size in
            if written.isFull { return false }
            written.add(recordSize: size)
            return true
        }.count
    }

    @Test func `a slice is full with so many jobs, or so many bytes, and never without a job`() {
        #expect(Self.countOfFirstSlice(of: Array(repeating: 0, count: 3_000)) == 2_048)
        #expect(Self.countOfFirstSlice(of: Array(repeating: 3 << 20, count: 20)) == 6)
        #expect(Self.countOfFirstSlice(of: [15 << 20, 15 << 20, 1]) == 2)
        #expect(Self.countOfFirstSlice(of: [1 << 30, 1]) == 1)
        #expect(Self.countOfFirstSlice(of: [1, 2, 3]) == 3)
    }
}
