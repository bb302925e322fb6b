import Beanstalk
import NIOCore
import PipelinedTransport

/// Writes what the core decided in beanstalkd's words.
enum NodeBatchEncoder {
    /// How long a node may take beyond the wait it was asked for; after that it counts as hung.
    private static let margin = Duration.seconds(10)

    static func encode(_ batch: NodeBatch) -> RequestBatch<BeanstalkReply> {
        var bytes = ByteBuffer()
        for call in batch.calls { command(call.kind).encode(into: &bytes) }
        for _ in 0..<batch.reserves {
            BeanstalkCommand.reserveWithTimeout(seconds: batch.block ?? 0).encode(into: &bytes)
        }
        return RequestBatch(
            bytes: bytes, count: batch.calls.count + batch.reserves,
            timeout: .seconds(Int64(batch.block ?? 0)) + margin, generation: batch.generation,
            accepts: { [calls = batch.calls] index, reply in
                index < calls.count ? reply.answers(command(calls[index].kind)) : reply.answersReserve
            })
    }

    private static func command(_ kind: NodeCall.Kind) -> BeanstalkCommand {
        switch kind {
        case .delete(let id, _): .delete(id)
        case .fetch(let id): .reserveJob(id)
        case .probe: .listTubeUsed
        case .peekNext: .peekDelayed
        case .release(let id, let priority, let delay): .release(id, priority: priority, delay: delay)
        case .touch(let id): .touch(id)
        case .bury(let id, let priority), .buryAside(let id, let priority): .bury(id, priority: priority)
        case .inspect(let id), .inspectAside(let id), .lookAhead(let id): .statsJob(id)
        }
    }
}
