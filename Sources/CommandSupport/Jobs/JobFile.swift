package import Foundation

/// A file with a job a line, read piece by piece.
package struct JobFile {
    /// Room for the largest jobs nodes are usually set up for, with every character escaped.
    private static let maximumLineLength = 64 << 20
    private static let pieceSize = 256 << 10

    package private(set) var bytesRead = 0
    private let source: ByteSource
    private var splitter = LineSplitter(maximumLength: maximumLineLength)
    private var hasEnded = false

    /// One line, or why it is no job.
    package struct Entry {
        package let number: Int
        /// As it stands in the file; nil where it is too long to be read.
        package let line: Data?
        package let job: Result<JobSpecification, InvalidText>
    }

    /// - Parameter path: `-` stands for standard input.
    /// - Throws: `CommandError` where the file cannot be opened.
    package init(path: String) throws {
        source = try ByteSource(path: path)
    }

    /// The size in bytes; nil where it is not known.
    package var size: Int? { source.size }

    /// The next few lines that are not blank; nil at the end.
    ///
    /// - Throws: `CommandError` where reading fails; `CancellationError`.
    package mutating func next() async throws -> [Entry]? {
        guard !hasEnded else { return nil }
        let piece = try await source.next(atMost: Self.pieceSize)
        bytesRead += piece.count
        hasEnded = piece.isEmpty
        let lines = hasEnded ? splitter.finish().map { [$0] } ?? [] : splitter.feed(piece)
        return lines.compactMap(Self.entry)
    }

    private static func entry(_ line: LineSplitter.Line) -> Entry? {
        guard let bytes = line.bytes else {
            return Entry(
                number: line.number, line: nil, job: .failure(InvalidText("the line is longer than 64 MiB")))
        }
        guard bytes.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }) else { return nil }
        do throws(InvalidText) {
            return Entry(number: line.number, line: bytes, job: .success(try JobSpecification(parsing: bytes)))
        } catch {
            return Entry(number: line.number, line: bytes, job: .failure(error))
        }
    }
}
