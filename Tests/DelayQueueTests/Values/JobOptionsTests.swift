import DelayQueue
import Foundation
import NIOCore
import Testing

@Suite struct JobOptionsTests {
    @Test func defaultsAreValid() throws {
        try JobOptions().validate()
        #expect(JobOptions().timeToRunSeconds == 30)
    }

    @Test(arguments: [Duration.seconds(9), .seconds(31), .milliseconds(10_500), .zero, .seconds(-1)])
    func timeToRun(_ duration: Duration) {
        var options = JobOptions()
        options.timeToRun = duration
        let error = #expect(throws: DelayQueueError.self) { try options.validate() }
        #expect(error?.code == .invalidOption)
    }

    @Test func goQueueFormatTakesNothingItCannotWrite() throws {
        var options = JobOptions()
        options.format = .goQueue
        try options.validate()
        options.id = .random()
        options.headers = ["a": "b"]
        options.priority = .high
        let error = #expect(throws: DelayQueueError.self) { try options.validate() }
        #expect(error?.code == .invalidOption)
        #expect(error?.message.contains("id, priority, headers") == true)
    }

    @Test func contentTypePrecedence() throws {
        var options = JobOptions()
        #expect(try options.resolvedHeaders(bodyContentType: nil).isEmpty)
        #expect(try options.resolvedHeaders(bodyContentType: "a/a")["content-type"] == "a/a")
        options.headers["content-type"] = "b/b"
        #expect(try options.resolvedHeaders(bodyContentType: "a/a")["content-type"] == "b/b")
        options.contentType = "c/c"
        #expect(try options.resolvedHeaders(bodyContentType: "a/a")["content-type"] == "c/c")
        options.contentType = "c\r\nx: y"
        #expect(throws: DelayQueueError.self) { try options.validate() }
    }
}

@Suite struct JobHeadersTests {
    @Test func keepsOrderAndReplaces() {
        var headers: JobHeaders = ["b": "1", "a": "2", "b": "3"]
        #expect(headers.map { "\($0.name)=\($0.value)" } == ["b=3", "a=2"])
        headers["b"] = nil
        headers["c"] = "4"
        #expect(headers.map(\.name) == ["a", "c"])
        #expect(headers["b"] == nil)
        #expect(headers.count == 2)
    }

    @Test(arguments: ["traceparent", "x-1", "!#$%&'*+-.^_`|~"])
    func goodNames(_ name: String) throws {
        try JobHeaders([(name, "")]).validate()
    }

    @Test(arguments: ["", "Upper", "a b", "a:", "a\r\n", "é"])
    func badNames(_ name: String) {
        let error = #expect(throws: DelayQueueError.self) { try JobHeaders([(name, "v")]).validate() }
        #expect(error?.code == .invalidHeader)
    }

    @Test(arguments: ["a\nb", "a\r\nb: c", "\t", "é", "\u{0}", "\u{7f}"])
    func badValues(_ value: String) {
        let error = #expect(throws: DelayQueueError.self) { try JobHeaders([("a", value)]).validate() }
        #expect(error?.code == .invalidHeader)
    }

    @Test func atMost128() throws {
        try JobHeaders((0..<128).map { ("h\($0)", "") }).validate()
        #expect(throws: DelayQueueError.self) { try JobHeaders((0..<129).map { ("h\($0)", "") }).validate() }
    }

    @Test func `headers are no longer than consumers read`() throws {
        let longest = String(repeating: "v", count: JobHeaders.maximumLength - 5)
        try JobHeaders([("h", longest)]).validate()
        let error = #expect(throws: DelayQueueError.self) { try JobHeaders([("h", longest + "v")]).validate() }
        #expect(error?.code == .invalidHeader)
        #expect(error?.message.contains("1000001 bytes") == true)
    }
}

@Suite struct JobBodyTests {
    private struct Unencodable: Encodable {
        func encode(to encoder: any Encoder) throws {
            throw EncodingError.invalidValue(0, .init(codingPath: [], debugDescription: "no"))
        }
    }

    private func text(_ body: some JobBody) throws -> String {
        String(buffer: try body.bytes())
    }

    @Test func kinds() throws {
        #expect(try text("héllo") == "héllo")
        #expect(try text("xhéllo".dropFirst()) == "héllo")
        #expect(try text(ByteBuffer(string: "abc")) == "abc")
        #expect(try text(Array("abc".utf8)) == "abc")
        #expect(try text(Data("abc".utf8)) == "abc")
        #expect(try text(.json(["a": 1])) == #"{"a":1}"#)
        #expect("".defaultContentType == nil)
        #expect(JSONBody([1]).defaultContentType == "application/json")
    }

    @Test func valueThatDoesNotEncode() {
        let error = #expect(throws: DelayQueueError.self) { try JSONBody(Unencodable()).bytes() }
        #expect(error?.code == .invalidBody)
        #expect(error?.underlying is EncodingError)
    }
}

@Suite struct DelayQueueErrorTests {
    @Test func describesAllOfIt() throws {
        let node = try BeanstalkNode("h:1")
        let error = DelayQueueError(
            .insufficientCopies, "1 of 2 nodes", nodeFailures: [.init(node: node, error: CancellationError())],
            mayStillFire: true)
        #expect(
            error.description == "insufficientCopies: 1 of 2 nodes; h:1/default: CancellationError(); "
                + "the job may still fire")
        #expect(error.isRetriable)
        #expect(!DelayQueueError(.dateInPast, "").isRetriable)
        #expect(DelayQueueError(.dateInPast, "", isRetriable: true).isRetriable)
    }

    @Test func tellsWhatBecomesOfTheJob() {
        var error = DelayQueueError(.insufficientCopies, "1 of 2")
        #expect(!error.mayStillFire && !error.hasRun)
        error.sequel = .hasRun
        #expect(error.mayStillFire && error.hasRun)
        #expect(
            error.description
                == "insufficientCopies: 1 of 2; but the job has run, or runs now: do not schedule it again")
        error.sequel = .mayHaveRun
        #expect(error.mayStillFire && !error.hasRun)
        #expect(error.description.hasSuffix("; the job may have run before it was taken back, and will not run again"))
        error.mayStillFire = false
        #expect(error.sequel == .none)
    }
}
