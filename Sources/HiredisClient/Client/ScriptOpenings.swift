/// How the call of each of a client's scripts begins, up to its one key.
struct ScriptOpenings: Sendable {
    /// With the source, for a server that may not know the script.
    let bySource: [EncodedWords]

    /// With the digest, once a server has told it.
    private(set) var openings: [EncodedWords]

    init(_ sources: [String]) {
        bySource = sources.map { EncodedWords(["EVAL", .text($0), "1"]) }
        openings = bySource
    }

    /// - Parameter digests: what the server that was connected to last calls each script by.
    mutating func learn(digests: [String]) {
        openings = digests.map { EncodedWords(["EVALSHA", .text($0), "1"]) }
    }
}
