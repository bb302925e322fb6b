import PipelinedTransport
import Testing

@Suite("Server addresses")
struct ServerAddressTests {
    @Test(arguments: [
        ("localhost:11300", ServerAddress.hostname("localhost", port: 11300)),
        ("10.0.0.1:1", .hostname("10.0.0.1", port: 1)),
        ("[::1]:65535", .hostname("::1", port: 65535)),
        ("queue.example", .hostname("queue.example", port: 4000)),
        ("/run/queue.sock", .unixDomainSocket(path: "/run/queue.sock")),
    ])
    func `text that names a server`(text: String, address: ServerAddress) {
        #expect(ServerAddress(parsing: text, defaultPort: 4000) == address)
        #expect(address.description == text || text == "queue.example")
    }

    @Test(arguments: [
        "", ":1", "a:", "a:0", "a:65536", "a:-1", "a:+1", "a:1x", "a b:1", "::1:11300", "[::1", "[a]:1", "a\r\n:1",
        "a/b:1",
    ])
    func `text that names none`(text: String) {
        #expect(ServerAddress(parsing: text, defaultPort: 4000) == nil)
    }

    @Test func `a port is required where there is no default`() {
        #expect(ServerAddress(parsing: "localhost") == nil)
    }
}
