import DelayQueue
import Foundation
import NIOCore
import Testing

@testable import CommandSupport

@Suite struct LoadFileTests {
    @Test func linesAreTheSameHoweverTheBytesArrive() {
        let text = Array("one\ntwo\r\n\n\u{FC}ber\nlast".utf8)
        let expected = ["one", "two", "", "\u{FC}ber", "last"]
        for size in 1...text.count {
            var splitter = LineSplitter(maximumLength: 100)
            var lines: [LineSplitter.Line] = []
            for start in stride(from: 0, to: text.count, by: size) {
                lines += splitter.feed(Data(text[start..<min(start + size, text.count)]))
            }
            if let last = splitter.finish() { lines.append(last) }
            let end = splitter.finish()
            #expect(lines.map(\.number) == Array(1...5))
            #expect(lines.map { $0.bytes.map { String(decoding: $0, as: UTF8.self) } } == expected)
            #expect(end == nil)
        }
    }

    @Test func aLineTooLongIsLeftOutAlone() {
        var splitter = LineSplitter(maximumLength: 3)
        let lines = splitter.feed(Data("abc\nabcd\nab".utf8)) + splitter.feed(Data("cdefg\nx\nabcd".utf8))
        #expect(lines.map { $0.bytes?.count } == [3, nil, nil, 1])
        let last = splitter.finish()
        #expect(last != nil)
        #expect(last?.bytes == nil)
        let end = splitter.finish()
        #expect(end == nil)
    }

    @Test func readsAJob() throws {
        let job = try JobSpecification(
            parsing: Data(#"{"at":"@5.5","id":"x","body":"é\n\u0000","headers":{"b":"2","a":"1"}}"#.utf8))
        #expect(job.time == .at(Timestamp(microseconds: 5_500_000)))
        #expect(job.id?.description == "x")
        #expect(Array(job.body.readableBytesView) == [0xC3, 0xA9, 0x0A, 0x00])
        #expect(job.headers.description == "a: 1, b: 2")
        let other = try JobSpecification(parsing: Data(#"{"in":"1h","bodyBase64":"AP8="}"#.utf8))
        #expect(other.time == .after(.seconds(3600)))
        #expect(Array(other.body.readableBytesView) == [0x00, 0xFF])
    }

    @Test(arguments: [
        ("nonsense", "not valid JSON"),
        (#"{"in":"1s","body":"a""#, "not valid JSON"),
        (#"{"in":"1s","body":"\ud800"}"#, "body: "),
        ("[1]", "not a JSON object"),
        (#"{"body":"a"}"#, "does not say when"),
        (#"{"in":"1s"}"#, "body is missing"),
        (#"{"in":"1s","at":"@1","body":"a"}"#, "both at and in"),
        (#"{"in":"1s","body":"a","bodyBase64":"YQ=="}"#, "both body and bodyBase64"),
        (#"{"in":"1s","bodyBase64":"%"}"#, "not base64"),
        (#"{"in":5,"body":"a"}"#, "in: it is not a string"),
        (#"{"in":"soon","body":"a"}"#, "in: "),
        (#"{"at":"2026-01-01","body":"a"}"#, "at: T is missing"),
        (#"{"in":"1s","body":{"a":1}}"#, "body: it is not a string"),
        (#"{"in":"1s","body":"a","id":"a b"}"#, "id: "),
        (#"{"in":"1s","body":"a","id":""}"#, "id: "),
        (#"{"in":"1s","body":"a","headers":{"a":1}}"#, "headers: "),
        (#"{"in":"1s","body":"a","boddy":"b"}"#, "\"boddy\" is no field"),
    ])
    func namesWhatIsWrong(_ line: String, _ problem: String) {
        let error = #expect(throws: InvalidText.self) { try JobSpecification(parsing: Data(line.utf8)) }
        #expect(error?.description.contains(problem) == true, "\(error?.description ?? "")")
    }
}
