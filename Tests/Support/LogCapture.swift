package import Logging
import NIOConcurrencyHelpers

/// Keeps what is logged.
package final class LogCapture: Sendable {
    package struct Entry: Sendable, CustomStringConvertible {
        package var level: Logger.Level
        package var message: String
        package var metadata: Logger.Metadata

        package var description: String { "\(level) \(message) \(metadata)" }
    }

    private let state = NIOLockedValueBox<[Entry]>([])

    package init() {}

    package var entries: [Entry] { state.withLockedValue { $0 } }

    /// One text a message, with its metadata.
    package var lines: [String] { entries.map(\.description) }

    package var logger: Logger {
        var logger = Logger(label: "capture") { _ in Handler(capture: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let capture: LogCapture
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            capture.state.withLockedValue {
                $0.append(Entry(level: event.level, message: "\(event.message)", metadata: all))
            }
        }
    }
}
