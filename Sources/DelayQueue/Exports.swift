// What this module's interface is written with, so that `import DelayQueue` is enough to use it: the types of settings,
// names, errors and bodies that belong to modules below.
//
// Exported and not given other names here: under `MemberImportVisibility` the members of a type are seen only where its
// own module is imported, which an exported import counts as and a typealias does not. One by one, so that the
// beanstalkd protocol itself (`import Beanstalk`) and the rest of SwiftNIO stay out of the way.
@_exported public import struct Beanstalk.BeanstalkError
@_exported public import struct Beanstalk.BeanstalkJobID
@_exported public import struct Beanstalk.JobStatistics
@_exported public import struct Beanstalk.ServerID
@_exported public import struct Beanstalk.TubeName
@_exported public import struct NIOCore.ByteBuffer
@_exported public import class NIOPosix.MultiThreadedEventLoopGroup
@_exported public import struct PipelinedTransport.ConnectionConfiguration
@_exported public import struct PipelinedTransport.ExponentialBackoff
@_exported public import struct PipelinedTransport.ServerAddress
@_exported public import struct PipelinedTransport.TransportError

#if TLS
    @_exported public import struct PipelinedTransport.TLSFileError
#endif
