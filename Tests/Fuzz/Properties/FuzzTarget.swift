package import NIOCore

/// The readers of bytes that anybody may have sent, and what must hold of them for every input.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Replies of a beanstalkd server.
    case beanstalk
    /// Replies of a Redis server.
    case resp
    /// Records of jobs, sealed ones too.
    case envelope
    /// Receipts, ledger records, addresses, statistics.
    case text

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
        }
    }
}
