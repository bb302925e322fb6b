package import NIOCore

/// The readers of bytes that anybody may have sent, and what must hold of them for every input.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Replies of a beanstalkd server.
    case beanstalk
    /// Replies of a Redis server.
    case resp
    /// Records of jobs, sealed ones too.
    case envelope
    /// Receipts, ledger records, addresses.
    case text
    /// What a beanstalkd server says about itself, its tubes and jobs.
    case statistics
    /// What a Redis server says about itself.
    case information
    /// Files that the tool reads: of jobs, and of keys.
    case files

    /// Gives the input to the readers; a trap is found by whoever runs this.
    ///
    /// - Returns: whether anything in it was accepted.
    /// - Throws: what does not hold.
    @discardableResult
    package func check(_ input: ByteBuffer) throws(PropertyViolation) -> Bool {
        switch self {
        case .beanstalk: try BeanstalkReplyProperties.check(input)
        case .resp: try RedisReplyProperties.check(input)
        case .envelope: try EnvelopeProperties.check(input)
        case .text: try TextProperties.check(input)
        case .statistics: try StatisticsProperties.check(input)
        case .information: try InformationProperties.check(input)
        case .files: try FileProperties.check(input)
        }
    }
}
