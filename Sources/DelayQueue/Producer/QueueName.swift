import Beanstalk

/// The name under which producers and consumers of the same nodes meet in the ledger.
enum QueueName {
    static func problems(nodes: [BeanstalkNode], queue: String?) -> [String] {
        var problems: [String] = []
        var seen: Set<String> = []
        for node in nodes where !seen.insert("\(node.address)").inserted {
            problems.append("nodes names \(node.address) more than once; copies must be on different servers")
        }
        if let queue {
            // The tube's character set keeps keys printable and free of separators.
            if (try? TubeName(validating: queue)) == nil {
                problems.append(
                    "queue \(queue.debugDescription) must be 1 to 200 of A-Z a-z 0-9 + / ; . $ _ ( ) -, not starting with -"
                )
            }
        } else if Set(nodes.map(\.tube)).count > 1 {
            problems.append("nodes use different tubes; set queue to the name their jobs share")
        }
        return problems
    }

    /// - Precondition: `problems` found none.
    static func resolve(nodes: [BeanstalkNode], queue: String?) -> TubeName {
        queue.flatMap { try? TubeName(validating: $0) } ?? nodes.first?.tube ?? .default
    }
}
