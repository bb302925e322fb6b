import NIOCore

extension BeanstalkReply {
    /// Whether a server may say this to any command.
    private var isFault: Bool {
        switch self {
        case .outOfMemory, .internalError, .badFormat, .unknownCommand: true
        default: false
        }
    }

    /// Whether this can be the answer to a `put`.
    package var answersPut: Bool {
        switch self {
        case .inserted, .buried(.some), .expectedCRLF, .jobTooBig, .draining: true
        default: isFault
        }
    }

    /// Whether this can be the answer to a reserve that names no job.
    package var answersReserve: Bool {
        switch self {
        case .reserved, .reservedUnread, .deadlineSoon, .timedOut: true
        default: isFault
        }
    }

    /// Whether this can be the answer to a command.
    ///
    /// Replies say little about what they answer. One that cannot be right shows that the server and we have lost count
    /// of each other, and that no later reply is to be trusted.
    package func answers(_ command: BeanstalkCommand) -> Bool {
        switch (command, self) {
        case (.put, _): answersPut
        case (.reserve, _), (.reserveWithTimeout, _): answersReserve
        case (.reserveJob(let id), .reserved(let found, _)), (.reserveJob(let id), .reservedUnread(let found, _)),
            (.peek(let id), .found(let found, _)), (.peek(let id), .foundUnread(let found, _)):
            id == found
        case (.use(let tube), .using(let chosen)): tube == chosen
        case (.delete, .deleted), (.release, .released), (.release, .buried(nil)), (.bury, .buried(nil)),
            (.touch, .touched), (.peekReady, .found), (.peekDelayed, .found), (.peekBuried, .found),
            (.peekReady, .foundUnread), (.peekDelayed, .foundUnread), (.peekBuried, .foundUnread),
            (.watch, .watching), (.ignore, .watching), (.ignore, .notIgnored), (.kick, .kicked(.some)),
            (.kickJob, .kicked(nil)), (.stats, .ok), (.listTubes, .ok), (.listTubesWatched, .ok),
            (.listTubeUsed, .using), (.pauseTube, .paused):
            true
        case (.statsJob(let id), .ok(let text)): Self.names(id.description, as: "id", in: text)
        case (.statsTube(let tube), .ok(let text)): Self.names(tube.rawValue, as: "name", in: text)
        case (.reserveJob, .notFound), (.delete, .notFound), (.release, .notFound), (.bury, .notFound),
            (.touch, .notFound), (.peek, .notFound), (.peekReady, .notFound), (.peekDelayed, .notFound),
            (.peekBuried, .notFound), (.kickJob, .notFound), (.statsJob, .notFound), (.statsTube, .notFound),
            (.pauseTube, .notFound):
            true
        default: isFault
        }
    }

    /// Whether statistics are about what was asked; those that do not say, or cannot be read, are their reader's to judge.
    private static func names(_ subject: String, as key: String, in text: ByteBuffer) -> Bool {
        StatisticsText.value(of: key, in: text).map { $0.elementsEqual(subject.utf8) } ?? true
    }
}
