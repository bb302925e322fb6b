import ArgumentParser
package import Beanstalk
import DelayQueue
import Foundation

/// How connections and jobs are protected: options all commands share, and their environment variables.
package struct SecurityOptions: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "Speak TLS to the nodes, which are behind a TLS terminator; each must bear the name it is given by.",
            discussion: "DQ_TLS=1 in the environment stands in for it."))
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

    @Flag(
        help: ArgumentHelp(
            "Do nothing without --keys: write no job unsealed, and run none.",
            discussion: "DQ_REQUIRE_SEALED=1 in the environment stands in for it."))
    var requireSealed = false

    @Option(help: "How jobs are sealed where there are keys: encrypt, or sign (readable, but not forgeable).")
    var seal: Seal = .encrypt

    enum Seal: String, ExpressibleByArgument, CaseIterable {
        case encrypt, sign
    }

    package init() {}

    /// - Throws: `ValidationError`.
    package func validate() throws {
        guard (tlsCert == nil) == (tlsKey == nil) else { throw ValidationError("Give both --tls-cert and --tls-key.") }
        #if TLS
            _ = try tlsMode()
        #else
            if try nodesSpeakTLS() || tlsFile() != nil { throw Self.notBuilt("--tls", trait: "TLS") }
        #endif
        #if Sealing
            _ = try keyRing()
        #else
            // Also where the environment names them: jobs are not to go unsealed unnoticed.
            if let (_, source) = try keyFile() { throw Self.notBuilt(source, trait: "Sealing") }
        #endif
        if try isSealingRequired(), try !hasKeys() {
            throw ValidationError(
                "Jobs must be sealed here (--require-sealed), and no keys are given: --keys or DQ_KEYS.")
        }
    }

    private static func notBuilt(_ source: String, trait: String) -> ValidationError {
        ValidationError(
            "\(source): this program was built without what that needs, the trait \(trait) of the package.")
    }

    /// Where the keys are, and what said so.
    private func keyFile() throws -> (path: String, source: String)? {
        try Variable.value(keys, option: "--keys", variable: "DQ_KEYS").map { ($0.value, $0.source) }
    }

    /// - Throws: `ValidationError`.
    package func isSealingRequired() throws -> Bool {
        try Variable.flag(requireSealed, variable: "DQ_REQUIRE_SEALED")
    }

    // MARK: Connections

    /// - Throws: `ValidationError`.
    package func nodesSpeakTLS() throws -> Bool { try Variable.flag(tls, variable: "DQ_TLS") }

    /// What names a file that is of use for TLS only; nil where nothing does.
    func tlsFile() throws -> String? {
        if tlsCert != nil { return "--tls-cert" }
        return try authorities()?.source
    }

    private func authorities() throws -> (value: String, source: String)? {
        try Variable.value(tlsCA, option: "--tls-ca", variable: "DQ_TLS_CA")
    }

    /// How nodes are talked to.
    ///
    /// - Throws: `ValidationError`, naming the file that cannot be used.
    package func nodeConnection() throws -> ConnectionConfiguration {
        try connection(isTLS: nodesSpeakTLS())
    }

    /// How the ledger is talked to.
    ///
    /// - Throws: `ValidationError`, naming the file that cannot be used.
    package func ledgerConnection(isTLS: Bool) throws -> ConnectionConfiguration {
        try connection(isTLS: isTLS)
    }

    private func connection(isTLS: Bool) throws -> ConnectionConfiguration {
        #if TLS
            var configuration = ConnectionConfiguration()
            if isTLS { configuration.tls = try tlsMode() }
            return configuration
        #else
            return ConnectionConfiguration()
        #endif
    }

    #if TLS
        private func tlsMode() throws -> ConnectionConfiguration.TLSMode {
            let authorities = try authorities()?.value
            do {
                if let tlsKey { _ = try ProtectedFile(path: tlsKey) }
                var certificate: ConnectionConfiguration.ClientCertificate?
                if let tlsCert, let tlsKey { certificate = .init(certificateFile: tlsCert, keyFile: tlsKey) }
                return try .verifying(
                    authorities: authorities, clientCertificate: certificate)
            } catch {
                throw ValidationError("\(error)")
            }
        }
    #endif

    // MARK: Keys

    /// - Throws: `ValidationError`.
    package func hasKeys() throws -> Bool { try keyFile() != nil }

    #if Sealing
        /// The keys of `--keys`; nil where none are given.
        ///
        /// - Throws: `ValidationError`, with nothing of the file's contents.
        func keyRing() throws -> KeyRing? {
            guard let (path, source) = try keyFile() else { return nil }
            do {
                return try KeyFile(path: path).ring(mode: seal == .sign ? .sign : .encrypt)
            } catch {
                throw ValidationError("\(source): \(error.description)")
            }
        }
    #endif

    /// The options as they were given, for a process of this very program, which inherits the environment.
    package var arguments: [String] {
        var arguments = tls ? ["--tls"] : []
        for (name, value) in [("--tls-ca", tlsCA), ("--tls-cert", tlsCert), ("--tls-key", tlsKey), ("--keys", keys)] {
            if let value { arguments += [name, value] }
        }
        return arguments
    }

    /// Says on standard error where others may read keys.
    package func warn() {
        for path in [(try? keyFile())?.path, tlsKey] {
            guard let path, let file = try? ProtectedFile(path: path), file.isReadableByOthers else { continue }
            StandardStream.error.note("warning: others on this machine may read \(path); chmod 600 it")
        }
    }
}
