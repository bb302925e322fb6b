import NIOCore

/// What the first line of every record says, sealed or not.
package struct EnvelopeLine: Sendable, Hashable {
    package var id: JobID
    package var fireTime: Timestamp

    /// Nil in the records of generated ids, and of a producer without a ledger.
    package var edition: JobEdition?

    /// This copy's index; of an added copy, which was written in place of another one, not below `copies`.
    package var copy: Int

    /// How many copies the producer planned; 0 where they cannot be counted.
    package var copies: Int

    package var role: CopyRole

    /// Seconds; at least 1.
    package var timeToRun: UInt32

    package var priority: UInt32
}

extension EnvelopeLine {
    /// Reads five fields strictly: id, fire time with the edition, copy and copies with the copy's role, time to run,
    /// priority.
    init?(reading fields: inout RecordFields) {
        guard let id = fields.next(), (1...JobID.maximumLength).contains(id.count), id.allSatisfy(\.isVisibleASCII),
            let time = fields.next().flatMap({ Self.time($0) }), time.micros <= Timestamp.latest.microseconds,
            let counts = fields.next(), let slash = counts.index(of: UInt8(ascii: "/"), from: 0),
            case let roleStart = CopyRole.start(in: counts), slash < roleStart,
            let copy = Int(decimal: UnsafeRawBufferPointer(rebasing: counts[..<slash])), copy < CopySet.maximumCount,
            let copies = Int(decimal: UnsafeRawBufferPointer(rebasing: counts[(slash + 1)..<roleStart])),
            copies <= CopySet.maximumCount,
            let role = CopyRole(UnsafeRawBufferPointer(rebasing: counts[roleStart...]), copy: copy, copies: copies),
            let timeToRun = fields.next().flatMap({ UInt32(decimal: $0) }), timeToRun >= 1,
            let priority = fields.next().flatMap({ UInt32(decimal: $0) })
        else { return nil }
        self.id = JobID(unchecked: String(decoding: id, as: UTF8.self))
        fireTime = Timestamp(microseconds: time.micros)
        edition = time.edition
        self.copy = copy
        self.copies = copies
        self.role = role
        self.timeToRun = timeToRun
        self.priority = priority
    }

    /// What separates the fire time from the edition.
    static let editionMark: StaticString = ":"

    private static func time(_ field: UnsafeRawBufferPointer) -> (micros: Int64, edition: JobEdition?)? {
        guard let mark = field.index(of: editionMark.utf8Start.pointee, from: 0) else {
            return Int64(decimal: field).map { ($0, nil) }
        }
        guard let micros = Int64(decimal: UnsafeRawBufferPointer(rebasing: field[..<mark])),
            let edition = JobEdition(digits: UnsafeRawBufferPointer(rebasing: field[(mark + 1)...]))
        else { return nil }
        return (micros, edition)
    }
}

/// The fields of a record's first line, separated by one space each.
struct RecordFields {
    private let line: UnsafeRawBufferPointer
    private var position = 0

    /// - Parameter line: without its line end.
    init(_ line: UnsafeRawBufferPointer) {
        self.line = line
    }

    /// No field is left: what followed the last one was the line's end, not a space.
    var isAtEnd: Bool { position > line.count }

    /// - Returns: the next field, which may be empty; nil where none is left.
    mutating func next() -> UnsafeRawBufferPointer? {
        guard position <= line.count else { return nil }
        let end = line.index(of: UInt8(ascii: " "), from: position) ?? line.count
        defer { position = end + 1 }
        return UnsafeRawBufferPointer(rebasing: line[position..<end])
    }
}

extension ByteBufferView {
    /// Reads a record's first line, field by field.
    func withFields<Value>(_ body: (inout RecordFields) -> Value) -> Value {
        withUnsafeBytes { bytes in
            var fields = RecordFields(bytes)
            return body(&fields)
        }
    }
}

extension ByteBuffer {
    /// - Returns: the bytes before the next CR LF, which are read too; nil where there is none.
    mutating func readRecordLine() -> ByteBufferView? {
        guard let length = withUnsafeReadableBytes({ Self.lengthOfLine($0) }) else { return nil }
        defer { moveReaderIndex(forwardBy: length + 2) }
        return viewBytes(at: readerIndex, length: length)
    }

    /// Reads the next line up to its CR LF, field by field.
    ///
    /// - Returns: nil where there is none, or `body` gives none; then nothing has been read.
    mutating func readRecordLine<Value>(_ body: (inout RecordFields) -> Value?) -> Value? {
        var length = 0
        let value = withUnsafeReadableBytes { bytes -> Value? in
            guard let end = Self.lengthOfLine(bytes) else { return nil }
            length = end + 2
            var fields = RecordFields(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
            return body(&fields)
        }
        if value != nil { moveReaderIndex(forwardBy: length) }
        return value
    }

    private static func lengthOfLine(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let end = bytes.index(of: UInt8(ascii: "\r"), from: 0), end + 1 < bytes.count,
            bytes[end + 1] == UInt8(ascii: "\n")
        else { return nil }
        return end
    }
}

extension JobHeaders {
    /// Reads a record's headers, up to and including the empty line.
    ///
    /// - Returns: nil for bytes that no writer of this format makes.
    init?(reading rest: inout ByteBuffer) {
        self.init()
        if rest.readEmptyLine() { return }
        var length = 0
        while let line = rest.readRecordLine() {
            if line.isEmpty { return }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon + 1 < line.endIndex,
                line[colon + 1] == UInt8(ascii: " ")
            else { return nil }
            // Its line end and the separator are what writers count four bytes for.
            length += line.count + 2
            guard length <= JobHeaders.maximumLength else { return nil }
            let name = line[..<colon]
            let value = line[(colon + 2)...]
            guard count < JobHeaders.maximumCount, JobHeaders.isName(name), JobHeaders.isValue(value) else {
                return nil
            }
            let text = String(decoding: name, as: UTF8.self)
            guard self[text] == nil else { return nil }
            self[text] = String(decoding: value, as: UTF8.self)
        }
        return nil
    }
}
