import PipelinedTransport

extension RedisError {
    /// Reads the text of an error reply, which begins with a word in capitals.
    ///
    /// - Parameter mayHaveBeenSent: whether the reply answers the caller's own command.
    init(serverError text: String, mayHaveBeenSent: Bool = false) {
        let prefix = Self.prefix(of: text)
        self.init(
            Self.code(prefix: prefix, text: text), Self.words(for: text),
            serverPrefix: PrintableExcerpt.of(prefix.utf8, limit: 32), mayHaveBeenSent: mayHaveBeenSent)
    }

    /// The server's own words, fit to be shown; but not where they may be said to a login, and so repeat it.
    private static func words(for text: String) -> String {
        guard isRefusalOfConnection(text) else { return PrintableExcerpt.of(text.utf8, limit: 400) }
        return text.hasPrefix("DENIED")
            ? "DENIED: the server takes connections from its own machine only (protected mode)"
            : "\(tooManyClients) reached"
    }

    private static let tooManyClients = "ERR max number of clients"

    private static func prefix(of text: String) -> String {
        let first = text.prefix { $0 != " " }
        // Before Redis 7 an error inside a script comes wrapped: "ERR Error running script (…): …: -OOM …".
        guard first == "ERR", text.hasPrefix("ERR Error running script"), let mark = text.firstRange(of: ": -") else {
            return String(first)
        }
        let inner = text[mark.upperBound...].prefix { $0.isASCII && $0.isUppercase }
        return inner.isEmpty ? String(first) : String(inner)
    }

    private static func code(prefix: String, text: String) -> Code {
        switch prefix {
        case "WRONGPASS", "NOAUTH": .wrongPassword
        case "NOPERM", "DENIED": .permissionDenied
        case "MOVED", "ASK", "CROSSSLOT": .clusterUnsupported
        case "ERR": generalCode(text)
        // An error that a script has caught and returned has no word of its own before Redis 7: "@user_script: 1: The …".
        default: isRefusalInScript(text) ? .permissionDenied : .server
        }
    }

    /// Of a script of a user who may call it, but not a command in it, or not with that key: as Redis to 7.0 says it, and
    /// Redis 7.2 and Valkey.
    private static func isRefusalInScript(_ text: String) -> Bool {
        text.contains("The user executing the script can't") || text.contains("ACL failure in script")
    }

    /// Errors that servers before 6, and some later ones, give no word of their own.
    private static func generalCode(_ text: String) -> Code {
        if text.hasPrefix("ERR invalid password") { return .wrongPassword }
        if text.hasPrefix("ERR SELECT is not allowed in cluster mode") { return .clusterUnsupported }
        if isRefusalInScript(text) { return .permissionDenied }
        if text.contains("DB index") { return .wrongDatabase }
        return .server
    }

    /// Conditions that pass: a start, a failover, a long script, a full or read-only server.
    static func isTransient(prefix: String?, message: String) -> Bool {
        switch prefix {
        case "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN", "CLUSTERDOWN", "BUSY", "NOREPLICAS", "MISCONF", "OOM",
            "NOSCRIPT":
            true
        default:
            message.hasPrefix(tooManyClients)
        }
    }

    /// Whether a first reply is one that servers send unasked, before they hang up.
    static func isRefusalOfConnection(_ text: String) -> Bool {
        text.hasPrefix("DENIED") || text.hasPrefix(tooManyClients)
    }
}
