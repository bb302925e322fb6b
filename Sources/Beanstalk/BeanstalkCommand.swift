public import NIOCore

/// One request to a beanstalkd server.
///
/// An enum, as the protocol is a closed list.
///
/// Times are whole seconds and priorities numbers, as in the protocol: 0 is the most urgent priority.
public enum BeanstalkCommand: Sendable, Hashable {
    /// Stores a job in the tube in use. A `timeToRun` of 0 counts as 1.
    case put(ByteBuffer, priority: UInt32, delay: UInt32, timeToRun: UInt32)
    case use(TubeName)
    /// Waits for a job without limit.
    case reserve
    /// Waits for a job, for at most 2³¹−1 seconds: more is sent as that, because 1.12 would wait for ever and later
    /// servers refuse.
    case reserveWithTimeout(seconds: UInt32)
    /// Reserves one job, whatever its tube, if nobody holds it. Servers before 1.12 do not know it.
    case reserveJob(BeanstalkJobID)
    case delete(BeanstalkJobID)
    /// Gives a reserved job back.
    case release(BeanstalkJobID, priority: UInt32, delay: UInt32)
    case bury(BeanstalkJobID, priority: UInt32)
    /// Starts a reserved job's time to run afresh.
    case touch(BeanstalkJobID)
    case watch(TubeName)
    case ignore(TubeName)
    case peek(BeanstalkJobID)
    case peekReady
    case peekDelayed
    case peekBuried
    /// Makes up to `bound` buried jobs of the tube in use ready, or delayed ones if none is buried.
    case kick(bound: UInt32)
    case kickJob(BeanstalkJobID)
    case stats
    case statsJob(BeanstalkJobID)
    case statsTube(TubeName)
    case listTubes
    case listTubeUsed
    case listTubesWatched
    /// Keeps a tube's jobs from being reserved for a time.
    case pauseTube(TubeName, delay: UInt32)
    /// Ends the connection; the only command without a reply.
    case quit

    /// Appends the command as the server reads it.
    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .put(let body, let priority, let delay, let timeToRun):
            Self.writePut(
                priority: priority, delay: delay, ttr: timeToRun, bodySize: body.readableBytes, into: &buffer
            ) { target in
                body.withUnsafeReadableBytes { target.copyMemory(from: $0) }
                return body.readableBytes
            }
        case .reserve: buffer.writeStaticString("reserve\r\n")
        case .reserveWithTimeout(let seconds):
            buffer.writeLine("reserve-with-timeout ", UInt64(min(seconds, UInt32(Int32.max))))
        case .reserveJob(let id): buffer.writeLine("reserve-job ", id.rawValue)
        case .delete(let id): buffer.writeLine("delete ", id.rawValue)
        case .release(let id, let priority, let delay):
            buffer.writeLine("release ", id.rawValue, UInt64(priority), UInt64(delay))
        case .bury(let id, let priority): buffer.writeLine("bury ", id.rawValue, UInt64(priority))
        case .touch(let id): buffer.writeLine("touch ", id.rawValue)
        case .use(let tube): buffer.writeLine("use ", tube)
        case .watch(let tube): buffer.writeLine("watch ", tube)
        case .ignore(let tube): buffer.writeLine("ignore ", tube)
        case .peek(let id): buffer.writeLine("peek ", id.rawValue)
        case .peekReady: buffer.writeStaticString("peek-ready\r\n")
        case .peekDelayed: buffer.writeStaticString("peek-delayed\r\n")
        case .peekBuried: buffer.writeStaticString("peek-buried\r\n")
        case .kick(let bound): buffer.writeLine("kick ", UInt64(bound))
        case .kickJob(let id): buffer.writeLine("kick-job ", id.rawValue)
        case .stats: buffer.writeStaticString("stats\r\n")
        case .statsJob(let id): buffer.writeLine("stats-job ", id.rawValue)
        case .statsTube(let tube): buffer.writeLine("stats-tube ", tube)
        case .listTubes: buffer.writeStaticString("list-tubes\r\n")
        case .listTubeUsed: buffer.writeStaticString("list-tube-used\r\n")
        case .listTubesWatched: buffer.writeStaticString("list-tubes-watched\r\n")
        case .pauseTube(let tube, let delay):
            buffer.writeStaticString("pause-tube ")
            buffer.writeString(tube.rawValue)
            buffer.writeLine(" ", UInt64(delay))
        case .quit: buffer.writeStaticString("quit\r\n")
        }
    }

    /// Appends a `put` whose body is written in place, with no buffer of its own: see ``LineWriter`` for what that saves.
    ///
    /// - Parameter ttr: the time to run in seconds; 0 counts as 1.
    /// - Parameter bodySize: how many bytes `body` is going to write, exactly. Another number stops the program,
    ///   as the server would read the difference as commands.
    /// - Parameter body: fills the memory it is given, and returns how many bytes it has written.
    package static func writePut(
        priority: UInt32,
        delay: UInt32,
        ttr: UInt32,
        bodySize: Int,
        into buffer: inout ByteBuffer,
        body: (UnsafeMutableRawBufferPointer) -> Int
    ) {
        precondition(bodySize >= 0, "a body's size cannot be negative")
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: LineWriter.maximumLength + bodySize + 2) { target in
            var line = LineWriter(target)
            line.write("put ", UInt64(priority), UInt64(delay), UInt64(ttr), UInt64(bodySize))
            let end = line.count + bodySize
            let written = body(UnsafeMutableRawBufferPointer(rebasing: target[line.count..<end]))
            precondition(written == bodySize, "a body of another size than announced")
            target[end] = UInt8(ascii: "\r")
            target[end + 1] = UInt8(ascii: "\n")
            return end + 2
        }
    }

    /// The most bytes that are sent together: half of what a buffer can hold, beyond which it ends the process.
    private static let largestBatch = Int(Int32.max)

    /// - Returns: nil where they would be more than that.
    static func encoded(_ commands: [BeanstalkCommand]) -> ByteBuffer? {
        let size = commands.reduce(0) { $0 + $1.encodedSizeHint }
        guard size <= largestBatch else { return nil }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(size)
        for command in commands { command.encode(into: &bytes) }
        return bytes
    }

    private var encodedSizeHint: Int {
        switch self {
        case .put(let body, _, _, _): LineWriter.maximumLength + body.readableBytes
        case .use, .watch, .ignore, .statsTube, .pauseTube: LineWriter.maximumLength + TubeName.maximumLength
        default: LineWriter.maximumLength
        }
    }

    /// The job the command names.
    var jobID: BeanstalkJobID? {
        switch self {
        case .reserveJob(let id), .delete(let id), .release(let id, _, _), .bury(let id, _), .touch(let id),
            .peek(let id), .kickJob(let id), .statsJob(let id):
            id
        default:
            nil
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeLine(
        _ verb: StaticString, _ first: UInt64, _ second: UInt64? = nil, _ third: UInt64? = nil, _ fourth: UInt64? = nil
    ) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: LineWriter.maximumLength) { target in
            var line = LineWriter(target)
            line.write(verb, first, second, third, fourth)
            return line.count
        }
    }

    fileprivate mutating func writeLine(_ verb: StaticString, _ tube: TubeName) {
        writeStaticString(verb)
        writeString(tube.rawValue)
        writeStaticString("\r\n")
    }
}

extension LineWriter {
    fileprivate mutating func write(
        _ verb: StaticString, _ first: UInt64, _ second: UInt64?, _ third: UInt64?, _ fourth: UInt64?
    ) {
        write(verb)
        write(first)
        writeArgument(second)
        writeArgument(third)
        writeArgument(fourth)
        write("\r\n")
    }

    private mutating func writeArgument(_ number: UInt64?) {
        guard let number else { return }
        write(" ")
        write(number)
    }
}
