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

    @Test func eachTubeOfAQueueIsKnownByItsName() throws {
        let node = try BeanstalkNode("h", tube: "mail")
        #expect(CopyTube.allCases.map { node.name(of: $0).rawValue } == ["mail", "mail.standby"])
        for tube in CopyTube.allCases { #expect(node.copyTube(named: node.name(of: tube)) == tube) }
        #expect(node.copyTube(named: try TubeName(validating: "mails.standby")) == nil)
    }

    @Test(arguments: [
        ("a.standby", nil, "tube a.standby ends in .standby"), (".standby", nil, "tube .standby ends in .standby"),
        (String(repeating: "a", count: 193), nil, "is too long: it may have 192 bytes"),
        ("a", "b.standby", "queue b.standby ends in .standby"),
    ])
    func aTubeIsRefusedThatCanHaveNoSecondOne(_ tube: String, _ queue: String?, _ problem: String) throws {
        let nodes = try ["h:1", "h:2"].map { try BeanstalkNode($0, tube: tube) }
        var producer = ProducerConfiguration()
        producer.queue = queue
        var consumer = ConsumerConfiguration()
        consumer.queue = queue
        let errors = [
            #expect(throws: DelayQueueError.self) { _ = try Producer(nodes: nodes, configuration: producer) },
            #expect(throws: DelayQueueError.self) {
                _ = try Consumer(nodes: nodes, ledger: InMemoryLedger(), configuration: consumer)
            },
            #expect(throws: DelayQueueError.self) {
                _ = try QueueOperations(nodes: nodes, ledger: InMemoryLedger(), queue: queue)
            },
        ]
        for error in errors {
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
        }
    }

    @Test func theLongestTubeHasASecondOne() throws {
        let nodes = try ["h:1", "h:2"].map { try BeanstalkNode($0, tube: String(repeating: "a", count: 192)) }
        #expect(nodes[0].standbyTube.rawValue.utf8.count == 200)
        _ = try Producer(nodes: nodes)
    }

    @Test func equality() throws {
        #expect(try BeanstalkNode("h:1", tube: "t") == BeanstalkNode("h:1", tube: "t"))
        #expect(try BeanstalkNode("h:1", tube: "t") != BeanstalkNode("h:1", tube: "u"))
    }
}
