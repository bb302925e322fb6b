/// Something that is done around handlers: of all types where a worker is given it, or of one.
public protocol JobMiddleware: Sendable {
    /// Runs the handler, or what is around it further inside, by calling `next`; not calling it completes the job unrun.
    ///
    /// What is thrown from here is what the handler has thrown.
    func handle(_ context: JobContext, next: @Sendable (JobContext) async throws -> Void) async throws
}
