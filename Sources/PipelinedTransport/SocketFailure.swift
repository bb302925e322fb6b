import Foundation
import NIOCore
import NIOPosix

/// What the system says of a socket, in words: NIO's name its calls.
struct SocketFailure: Error, CustomStringConvertible {
    let description: String

    /// - Returns: the error itself where it is none of a socket.
    static func explaining(_ error: (any Error)?) -> (any Error)? {
        switch error {
        case let error as IOError:
            return SocketFailure(description: words(error.errnoCode))
        case let error as NIOConnectionError where !error.connectionErrors.isEmpty:
            // Of a name that has several addresses.
            let attempts = error.connectionErrors.map { attempt in
                let reason = explaining(attempt.error).map { "\($0)" } ?? "\(attempt.error)"
                return attempt.target.ipAddress.map { "\($0): \(reason)" } ?? reason
            }
            return SocketFailure(description: attempts.joined(separator: ", "))
        case let error?:
            return error
        case nil:
            return nil
        }
    }

    private static func words(_ number: CInt) -> String {
        number == ECONNREFUSED ? "connection refused: nothing listens there" : String(cString: strerror(number))
    }
}
