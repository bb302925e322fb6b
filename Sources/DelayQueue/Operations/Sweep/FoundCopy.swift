package import Beanstalk
package import NIOCore

/// A copy of a queue's job as a sweep found it on its node, or something else that lies in one of the queue's tubes.
package struct FoundCopy: Sendable {
    package let node: BeanstalkNode
    package let tube: CopyTube
    /// The server process, for which the number means this copy for good; nil before beanstalkd 1.7.
    package let server: ServerID?
    package let id: BeanstalkJobID
    /// As it is stored: a sealed one is not opened. Nil where it is larger than is read.
    package let record: JobRecord?
    /// The record's bytes; empty where it is larger than is read.
    package let bytes: ByteBuffer
    /// In bytes.
    package let size: Int
    package let statistics: JobStatistics
}
