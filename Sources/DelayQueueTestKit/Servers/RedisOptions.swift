import Foundation

/// How a Redis for tests is started.
public struct RedisOptions: Sendable {
    /// Certificates for a server that takes TLS connections only.
    public struct TLS: Sendable {
        /// PEM files; absolute paths.
        public var certificateFile: String
        public var keyFile: String
        public var caFile: String

        /// Whether clients must present a certificate of their own.
        public var requiresClientCertificate = false

        public init(certificateFile: String, keyFile: String, caFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.caFile = caFile
        }
    }

    /// The port to listen on; any free one by default.
    public var port: Int?

    /// The password of the default user (`requirepass`), by default a random one: any user of this machine reaches the
    /// port. Nil leaves the server open to them.
    ///
    /// The server is told of it in a file that only this user can read.
    public var password: String? = Self.makePassword()

    /// Users, one line each as in an ACL file without the word `user`: `alice on >secret ~dq:* +@all`.
    public var aclLines: [String] = []

    /// The most memory data may take, in bytes; no limit by default.
    public var maxMemory: Int?

    /// What happens at that limit, such as `noeviction` (Redis's default) or `allkeys-lru`.
    public var maxMemoryPolicy: String?

    /// Whether every write is logged, so that data survives `kill()` and `restart()`.
    ///
    /// Each write is on the disk before it is answered; a killed process loses nothing.
    public var appendOnly = false

    /// Where the server listens besides its port; `redis.sock` in its folder by default.
    ///
    /// An absolute path of at most 100 characters, or one relative to the folder.
    public var unixSocketPath = "redis.sock"

    /// Takes only TLS connections on the port; the Unix domain socket stays without TLS.
    public var tls: TLS?

    /// Further arguments, added last, such as `["--maxclients", "10"]`.
    public var extraArguments: [String] = []

    /// The program: a name to be searched for, or an absolute path. `valkey-server` works too.
    ///
    /// `DQ_REDIS_SERVER` in the environment, where it is set; else `redis-server`.
    public var executable = ProcessInfo.processInfo.environment["DQ_REDIS_SERVER"] ?? "redis-server"

    /// Whether `stop()` leaves the folder with the data and the server's output, for inspection.
    public var keepsFolder = false

    public init() {}

    private static func makePassword() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in String(UInt64.random(in: .min ... .max, using: &generator), radix: 36) }.joined()
    }

    /// What is not for everybody to see, as arguments are.
    static let secretsFile = "secrets.conf"

    /// The lines of that file.
    var secrets: String {
        var lines = password.map { ["requirepass \(Self.quoted($0))"] } ?? []
        lines += aclLines.map { line in
            "user " + line.split(separator: " ").map { Self.quoted($0) }.joined(separator: " ")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// A word of a configuration file.
    private static func quoted(_ word: some StringProtocol) -> String {
        let bytes = word.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return byte.isLetterOrDigit
                ? String(Unicode.Scalar(byte)) : "\\x" + (digits.count == 1 ? "0" : "") + digits
        }
        return "\"" + bytes.joined() + "\""
    }

    func arguments(port: Int) -> [String] {
        var arguments = [
            Self.secretsFile,
            "--bind", "127.0.0.1",
            "--dir", ".",
            "--save", "",
            "--appendonly", appendOnly ? "yes" : "no", "--appendfsync", "always",
            "--unixsocket", unixSocketPath,
            // SIGTERM is looked at this often per second; at the default of 10 every stop takes a twentieth of a
            // second on average.
            "--hz", "100",
        ]
        if let tls {
            arguments += [
                "--port", "0", "--tls-port", "\(port)",
                "--tls-cert-file", tls.certificateFile,
                "--tls-key-file", tls.keyFile,
                "--tls-ca-cert-file", tls.caFile,
                "--tls-auth-clients", tls.requiresClientCertificate ? "yes" : "no",
            ]
        } else {
            arguments += ["--port", "\(port)"]
        }
        if let maxMemory { arguments += ["--maxmemory", "\(maxMemory)"] }
        if let maxMemoryPolicy { arguments += ["--maxmemory-policy", maxMemoryPolicy] }
        return arguments + extraArguments
    }

    /// Where the Unix domain socket of a server in this folder is.
    func socketPath(in folder: String) -> String {
        unixSocketPath.hasPrefix("/") ? unixSocketPath : "\(folder)/\(unixSocketPath)"
    }

    /// The address for clients on a port, with the password in it, if there is one.
    func url(port: Int) -> String {
        let login = password.map { ":\(Self.percentEncoded($0))@" } ?? ""
        return "\(tls == nil ? "redis" : "rediss")://\(login)127.0.0.1:\(port)"
    }

    private static func percentEncoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { encoded, byte in
            switch byte {
            // RFC 3986, section 2.3: the unreserved characters.
            case _ where byte.isLetterOrDigit, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
