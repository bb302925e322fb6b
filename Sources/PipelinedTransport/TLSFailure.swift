#if TLS
    import Foundation
    import NIOSSL

    /// Why a TLS handshake failed, in words: BoringSSL's name its source files.
    struct TLSFailure: Error, CustomStringConvertible {
        let description: String

        /// - Parameter certificate: the server's, where it has shown one.
        /// - Returns: the error itself where there are no better words for it.
        static func explaining(
            _ error: any Error, _ address: ServerAddress, _ certificate: NIOSSLCertificate?
        ) -> any Error {
            let text = "\(error)"
            if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
                return TLSFailure(description: "this port does not speak TLS")
            }
            if let extra = error as? NIOSSLExtraError, extra == .failedToValidateHostname {
                return TLSFailure(
                    description: "the server's certificate does not bear the name or address of \(address)")
            }
            if text.contains("CERTIFICATE_VERIFY_FAILED") {
                return TLSFailure(description: "the server's certificate was refused: \(problem(of: certificate))")
            }
            return error
        }

        private static func problem(of certificate: NIOSSLCertificate?) -> String {
            let now = time(nil)
            if let certificate, certificate.notValidAfter < now { return "its time is over" }
            if let certificate, certificate.notValidBefore > now { return "its time has not begun" }
            return certificate == nil
                ? "no authority that is trusted here has signed it, or its time is over"
                : "no authority that is trusted here has signed it"
        }
    }
#endif
