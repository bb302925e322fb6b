#if !TLS
    // Without the trait `TLS` nobody can have a mode of it, and whoever asks for one is told why.

    extension ConnectionConfiguration {
        package struct TLSMode: Sendable {
            private init() {}

            /// - Throws: always, saying so.
            package static func verifying() throws -> TLSMode { throw TLSNotBuilt() }
        }
    }

    private struct TLSNotBuilt: Error, CustomStringConvertible {
        var description: String {
            "this program was built without TLS, which is the trait TLS of the package swift-delay-queue"
        }
    }
#endif
