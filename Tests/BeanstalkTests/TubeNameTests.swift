import Beanstalk
import NIOCore
import Testing

@Suite struct TubeNameTests {
    @Test(arguments: [
        "default", "a", "0", "A-z.09+/;$_()", "_", "a-", String(repeating: "x", count: 200),
    ])
    func `accepts what the protocol allows`(name: String) throws {
        let tube = try TubeName(validating: name)
        #expect(tube.rawValue == name)
        #expect("\(tube)" == name)
    }

    /// Not arguments of the test: its log would show them raw.
    private static let badNames = [
        "", "-a", "-", " ", "a b", " a", "a ", "a\r\nstats", "a\n", "\r", "a\0", "a\tb", "ü", "emails🙂", "a,b", "a:b",
        "a*", "a\u{7f}", String(repeating: "x", count: 201), String(repeating: "ü", count: 150),
    ]

    @Test func `refuses everything else`() {
        for name in Self.badNames {
            #expect("for \(name.debugDescription)") {
                try TubeName(validating: name)
            } throws: { error in
                guard let error = error as? BeanstalkError else { return false }
                return error.code == .invalidTubeName && !error.mayHaveBeenSent && "\(error)".count < 800
                    && "\(error)".unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            }
        }
    }

    @Test func `the default tube equals its name`() throws {
        #expect(try TubeName(validating: "default") == .default)
    }

    @Test func `lists are read line by line`() throws {
        let names = try TubeName.list(parsing: ByteBuffer(string: "---\n- default\n- a.b-c\n- \"quoted\"\n"))
        #expect(names.map(\.rawValue) == ["default", "a.b-c", "quoted"])
        #expect(try TubeName.list(parsing: ByteBuffer(string: "---\n")) == [])
    }

    @Test(arguments: ["", "- default\n", "---\ndefault\n", "---\n- a b\n", "---\n- \n", "---\n-a\n", "--- \n- a\n"])
    func `malformed lists are errors`(text: String) {
        #expect {
            try TubeName.list(parsing: ByteBuffer(string: text))
        } throws: {
            ($0 as? BeanstalkError)?.code == .malformedReply
        }
    }
}
