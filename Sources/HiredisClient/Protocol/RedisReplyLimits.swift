/// What one reply of a server may cost; a reply beyond it ends the connection.
package struct RedisReplyLimits: Sendable, Hashable {
    /// The longest bulk, in bytes; 4 MiB by default. (A ledger's largest record has some ten thousand.)
    package var bulkLength: Int = 4 << 20

    /// The longest reply with everything in it, in bytes; 8 MiB by default. (The largest is a page of a server's keys, a
    /// thousand of them.)
    package var replyLength: Int = 8 << 20

    /// The most elements of a reply's arrays together; 65,536 by default.
    package var elements: Int = 1 << 16

    /// How many arrays may be inside one another; 7 by default, which is also the most hiredis can read.
    package var nesting: Int = 7 {
        didSet { nesting = min(nesting, 7) }
    }

    /// The longest status, error or number, in bytes without the line's end; 64 KiB by default.
    package var lineLength: Int = 64 << 10

    package init() {}

    /// Those of the replies that open a connection: what a server says about itself is a few KiB.
    var opening: RedisReplyLimits {
        var limits = self
        limits.bulkLength = min(bulkLength, 1 << 20)
        limits.replyLength = min(replyLength, 1 << 20)
        return limits
    }
}
