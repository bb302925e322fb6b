import Testing

@testable import PipelinedTransport

@Suite("Names in certificates")
struct ServerNameCheckTests {
    @Test(arguments: [
        ("q1.example", "q1.example"), ("Q1.Example", "q1.eXAMPLE"), ("q1.example.", "q1.example"),
        ("localhost", "localhost"),
        ("q1.internal.example", "*.internal.example"), ("q1.internal.example.", "*.INTERNAL.example"),
    ])
    func `a name is borne`(name: String, pattern: String) {
        #expect(ServerNameCheck.matches(name, pattern: pattern.utf8))
    }

    @Test(arguments: [
        ("q1.example", "q2.example"), ("q1.example", "example"), ("example", "q1.example"), ("q1.example", "*.example"),
        ("a.q1.internal.example", "*.internal.example"), ("internal.example", "*.internal.example"),
        (".internal.example", "*.internal.example"), ("q1.internal.example", "q*.internal.example"),
        ("q1.internal.example", "*"), ("q1.internal.example", "*.*.example"), ("", ""), ("", "*"), (".", "."),
        ("q1.example", "q1.example\u{0}.evil.example"), ("localhost", "*.localhost"), ("a.b", "*."),
    ])
    func `another name is not`(name: String, pattern: String) {
        #expect(!ServerNameCheck.matches(name, pattern: pattern.utf8))
    }
}
