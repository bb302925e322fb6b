#if TLS
    import NIOSSL

    /// Whether a certificate bears a host's name.
    ///
    /// NIOSSL takes a certificate that bears the address it is connected to also where a name is expected. Whoever answers
    /// for the name, by false DNS for one, could show a certificate of its own address. So the names are looked at again.
    enum ServerNameCheck {
        /// - Parameter certificate: one that NIOSSL has verified already.
        static func isBorne(_ name: String, by certificate: NIOSSLCertificate) -> Bool {
            // A common name, which NIOSSL takes where there is nothing else, is no name of a host (RFC 6125).
            certificate._subjectAlternativeNames().contains {
                $0.nameType == .dnsName && matches(name, pattern: $0.contents)
            }
        }

        /// Compares as RFC 6125 does; `*` may stand for the whole first label only.
        static func matches(_ name: String, pattern: some Collection<UInt8>) -> Bool {
            let name = lowercased(name.utf8)
            let pattern = lowercased(pattern)
            guard !name.isEmpty else { return false }
            guard pattern.starts(with: [UInt8(ascii: "*"), UInt8(ascii: ".")]) else { return name == pattern }
            guard let dot = name.firstIndex(of: UInt8(ascii: ".")), dot > 0 else { return false }
            // The rest has two labels at least.
            return name[dot...] == pattern[1...] && pattern[2...].contains(UInt8(ascii: "."))
        }

        /// Without the dot that may end a full name.
        private static func lowercased(_ name: some Collection<UInt8>) -> [UInt8] {
            var bytes = name.map { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
            }
            if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
            return bytes
        }
    }

    /// The server's certificate is good, but for others than the host that was named.
    struct CertificateNameMismatch: Error, CustomStringConvertible {
        var expectedName: String

        var description: String { "the server's certificate does not bear the name \(expectedName)" }
    }
#endif
