import ArgumentParser
package import Beanstalk
package import DelayQueue
import Foundation

/// How connections and jobs are protected: options all commands share, and their environment variables.
package struct SecurityOptions: ParsableArguments {
    @Flag(help: "Speak TLS to the nodes, which are behind a TLS terminator; each must bear the name it is given by.")
    package var tls = false

    @Option(
        help: ArgumentHelp(
            "Authorities to trust instead of the system's, for --tls and rediss://.",
            discussion: "DQ_TLS_CA in the environment stands in for it.", valueName: "file.pem"))
    var tlsCA: String?

    @Option(help: ArgumentHelp("The certificate to show nodes and ledger, with --tls-key.", valueName: "file.pem"))
    var tlsCert: String?

    @Option(help: ArgumentHelp("The private key of --tls-cert.", valueName: "file.pem"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "The keys jobs are sealed and opened with, id:secret a line, the first seals; 'dq key' makes one.",
            discussion: "DQ_KEYS in the environment stands in for it.", valueName: "file"))
    var keys: String?

    @Option(help: "How jobs are sealed where there are keys: encrypt, or sign (readable, but not forgeable).")
    var seal: Seal = .encrypt

    enum Seal: String, ExpressibleByArgument, CaseIterable {
        case encrypt, sign
    }

    package init() {}

    /// - Throws: `ValidationError`.
    package func validate() throws {
        guard (tlsCert == nil) == (tlsKey == nil) else { throw ValidationError("Give both --tls-cert and --tls-key.") }
        _ = try tlsMode()
        _ = try keyRing()
    }

    /// How nodes are talked to.
    ///
    /// - Throws: `ValidationError`, naming the file that cannot be used.
    package func nodeConnection() throws -> ConnectionConfiguration {
        var configuration = ConnectionConfiguration()
        if tls { configuration.tls = try tlsMode() }
        return configuration
    }

    /// How the ledger is talked to.
    ///
    /// - Throws: `ValidationError`, naming the file that cannot be used.
    package func ledgerConnection(isTLS: Bool) throws -> ConnectionConfiguration {
        var configuration = ConnectionConfiguration()
        if isTLS { configuration.tls = try tlsMode() }
        return configuration
    }

    private func tlsMode() throws -> ConnectionConfiguration.TLSMode {
        do {
            var certificate: ConnectionConfiguration.ClientCertificate?
            if let tlsCert, let tlsKey { certificate = .init(certificateFile: tlsCert, keyFile: tlsKey) }
            return try .verifying(
                authorities: Variable.value(tlsCA, option: "--tls-ca", variable: "DQ_TLS_CA")?.value,
                clientCertificate: certificate)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// The keys of `--keys`; nil where none are given.
    ///
    /// - Throws: `ValidationError`, with nothing of the file's contents.
    package func keyRing() throws -> KeyRing? {
        guard let (path, source) = Variable.value(keys, option: "--keys", variable: "DQ_KEYS") else { return nil }
        do {
            return try KeyFile(path: path).ring(mode: seal == .sign ? .sign : .encrypt)
        } catch {
            throw ValidationError("\(source): \(error.description)")
        }
    }

    /// The options as they were given, for a process of this very program, which inherits the environment.
    package var arguments: [String] {
        var arguments = tls ? ["--tls"] : []
        for (name, value) in [("--tls-ca", tlsCA), ("--tls-cert", tlsCert), ("--tls-key", tlsKey), ("--keys", keys)] {
            if let value { arguments += [name, value] }
        }
        return arguments
    }

    /// Says on standard error where others may read the keys.
    package func warn() {
        guard let (path, _) = Variable.value(keys, option: "--keys", variable: "DQ_KEYS"),
            KeyFile.isReadableByEverybody(path: path)
        else { return }
        StandardStream.error.note("warning: everybody on this machine may read \(path); chmod 600 it")
    }
}
