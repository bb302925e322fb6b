public import NIOCore
public import PipelinedTransport

/// A job held for one connection.
///
/// It ends with its time to run or with the connection, whichever comes first; the server then gives the job to
/// somebody else.
public struct Reservation: Sendable, Hashable {
    public var id: BeanstalkJobID
    public var body: ByteBuffer

    /// The connection that holds the job: commands about it must be bound to this generation.
    public var generation: ConnectionGeneration

    package init(id: BeanstalkJobID, body: ByteBuffer, generation: ConnectionGeneration) {
        self.id = id
        self.body = body
        self.generation = generation
    }
}
