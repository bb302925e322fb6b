import Beanstalk
import DelayQueue
import Testing

@Suite struct BeanstalkNodeTests {
    @Test(arguments: [
        ("127.0.0.1:11301", "127.0.0.1:11301"), ("queue.example", "queue.example:11300"),
        ("[::1]:11300", "[::1]:11300"), ("[::1]", "[::1]:11300"), ("/run/beanstalkd.sock", "/run/beanstalkd.sock"),
    ])
    func endpoints(_ text: String, _ address: String) throws {
        let node = try BeanstalkNode(text)
        #expect(node.address.description == address)
        #expect(node.tube == .default)
        #expect(node.description == "\(address)/default")
    }

    @Test func namesEveryProblem() {
        let error = #expect(throws: DelayQueueError.self) { try BeanstalkNode("host:port", tube: "a b") }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("endpoint: \"host:port\"") == true)
        #expect(error?.message.contains("tube: \"a b\"") == true)
    }

    @Test(arguments: ["", ":11300", "host:0", "host:65536", "host:+1", "a b:1", "[::1", "::1:11300"])
    func badEndpoints(_ text: String) {
        let error = #expect(throws: DelayQueueError.self) { try BeanstalkNode(text) }
        #expect(error?.message.hasPrefix("endpoint:") == true)
    }

    @Test func equality() throws {
        #expect(try BeanstalkNode("h:1", tube: "t") == BeanstalkNode("h:1", tube: "t"))
        #expect(try BeanstalkNode("h:1", tube: "t") != BeanstalkNode("h:1", tube: "u"))
    }
}
