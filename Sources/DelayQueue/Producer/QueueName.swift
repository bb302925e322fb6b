import Beanstalk

/// The name under which producers and consumers of the same nodes meet in the ledger.
package enum QueueName {
    static func problems(nodes: [BeanstalkNode], queue: String?) -> [String] {
        var problems: [String] = []
        var seen: Set<String> = []
        for node in nodes where !seen.insert("\(node.address)").inserted {
            problems.append("nodes names \(node.address) more than once; copies must be on different servers")
        }
        let suffix = BeanstalkNode.standbySuffix
        for tube in Set(nodes.map(\.tube.rawValue)).sorted() { problems += Self.problems(tube: tube) }
        if let queue, queue.utf8.count + suffix.utf8.count > TubeName.maximumLength {
            problems.append("queue is too long: it may have \(TubeName.maximumLength - suffix.utf8.count) bytes")
        }
        if let queue, queue.hasSuffix(suffix) {
            problems.append("queue \(queue) ends in \(suffix), as the second tube of a queue does; name it otherwise")
        }
        if let queue {
            // The tube's character set keeps keys printable and free of separators.
            if (try? TubeName(validating: queue)) == nil {
                problems.append(
                    "queue \(queue.debugDescription) must be 1 to 192 of A-Z a-z 0-9 + / ; . $ _ ( ) -, not starting with -"
                )
            }
        } else if Set(nodes.map(\.tube)).count > 1 {
            problems.append("nodes use different tubes; set queue to the name their jobs share")
        }
        return problems
    }

    /// What stands in the way of a tube's having a second one beside it.
    package static func problems(tube: String) -> [String] {
        let suffix = BeanstalkNode.standbySuffix
        var problems: [String] = []
        if tube.hasSuffix(suffix) {
            problems.append("tube \(tube) ends in \(suffix), as the second tube of a queue does; name it otherwise")
        }
        if tube.utf8.count + suffix.utf8.count > TubeName.maximumLength {
            problems.append(
                "tube \(tube) is too long: it may have \(TubeName.maximumLength - suffix.utf8.count) bytes, as a "
                    + "second one is named after it")
        }
        return problems
    }

    /// - Precondition: `problems` found none.
    static func resolve(nodes: [BeanstalkNode], queue: String?) -> TubeName {
        queue.flatMap { try? TubeName(validating: $0) } ?? nodes.first?.tube ?? .default
    }
}
