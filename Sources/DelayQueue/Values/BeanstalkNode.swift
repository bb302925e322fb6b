public import Beanstalk
public import PipelinedTransport

/// One beanstalkd server and the tube used on it.
public struct BeanstalkNode: Hashable, Sendable {
    /// The port beanstalkd listens on unless told otherwise.
    public static let defaultPort = 11300

    public let address: ServerAddress
    public let tube: TubeName
    /// Where copies stand by that are not needed unless another one is lost. Kept, as naming a tube means validating the
    /// name, and single calls name it twice.
    package let standbyTube: TubeName

    /// - Parameter endpoint: `host:port`, `host` (port 11300), `[IPv6]:port`, or the path of a Unix socket.
    ///   Name a server the same way everywhere: receipts and records of dead jobs repeat the name.
    /// - Parameter tube: where its jobs are; 1 to 192 characters of beanstalkd's set for tube names. A second tube, for
    ///   copies that stand by, is named after it: `mail.standby` after `mail`.
    /// - Throws: `invalidConfiguration`, with every problem in the message.
    public init(_ endpoint: String, tube: String = "default") throws(DelayQueueError) {
        var problems: [String] = []
        let address = ServerAddress(parsing: endpoint, defaultPort: Self.defaultPort)
        if address == nil {
            problems.append(
                "endpoint: \(endpoint.debugDescription) is not host:port, [IPv6]:port or a socket's absolute path")
        }
        var name: TubeName?
        do {
            name = try TubeName(validating: tube)
        } catch {
            problems.append(
                "tube: \(tube.debugDescription) is not 1 to 192 letters, digits or + / ; . $ _ ( ) - "
                    + "with no hyphen first")
        }
        guard let address, let name else {
            throw DelayQueueError(.invalidConfiguration, problems.joined(separator: "; "))
        }
        self.init(address: address, tube: name)
    }

    public init(address: ServerAddress, tube: TubeName = .default) {
        self.address = address
        self.tube = tube
        self.standbyTube = tube.appending(Self.standbySuffix) ?? tube
    }
}

extension BeanstalkNode {
    /// What the name of a queue's second tube has after that of the first.
    static let standbySuffix = ".standby"

    /// The name of one of the queue's tubes.
    package func name(of tube: CopyTube) -> TubeName {
        switch tube {
        case .main: self.tube
        case .standby: standbyTube
        }
    }

    /// Which of the queue's tubes has this name; nil where it is another queue's.
    package func copyTube(named name: TubeName) -> CopyTube? {
        CopyTube.allCases.first { self.name(of: $0) == name }
    }
}

extension BeanstalkNode: CustomStringConvertible {
    /// `host:port/tube`.
    public var description: String { "\(address)/\(tube)" }
}
