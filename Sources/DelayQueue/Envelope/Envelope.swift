package import NIOCore

/// A copy's record as read back from its node.
package struct Envelope: Sendable, Hashable {
    /// What every record of this format begins with.
    package static let magic = "DQ1 "

    package var id: JobID
    package var fireTime: Timestamp

    /// This copy's index; below `copies` unless that is 0.
    package var copy: Int

    /// How many copies the producer planned; 0 where they cannot be counted.
    package var copies: Int

    /// Seconds; at least 1.
    package var timeToRun: UInt32

    package var priority: UInt32
    package var headers: JobHeaders
    package var body: ByteBuffer

    package init(
        id: JobID, fireTime: Timestamp, copy: Int, copies: Int, timeToRun: UInt32, priority: UInt32,
        headers: JobHeaders, body: ByteBuffer
    ) {
        self.id = id
        self.fireTime = fireTime
        self.copy = copy
        self.copies = copies
        self.timeToRun = timeToRun
        self.priority = priority
        self.headers = headers
        self.body = body
    }
}

extension Envelope {
    /// Reads a record strictly.
    ///
    /// - Returns: nil for bytes that no writer of this format makes.
    package static func parse(_ record: ByteBuffer) -> Envelope? {
        var rest = record
        guard let line = readLine(from: &rest) else { return nil }
        let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard fields.count == 6, fields[0].elementsEqual(magic.utf8.dropLast()),
            (1...JobID.maximumLength).contains(fields[1].count), fields[1].allSatisfy(\.isVisibleASCII),
            let micros = Int64(decimal: fields[2]), micros <= Timestamp.latest.microseconds,
            let slash = fields[3].firstIndex(of: UInt8(ascii: "/")),
            let copy = Int(decimal: fields[3][..<slash]), copy < CopySet.maximumCount,
            let copies = Int(decimal: fields[3][(slash + 1)...]), copies <= CopySet.maximumCount,
            copies == 0 || copy < copies,
            let timeToRun = UInt32(decimal: fields[4]), timeToRun >= 1,
            let priority = UInt32(decimal: fields[5])
        else { return nil }
        guard let headers = readHeaders(from: &rest) else { return nil }
        return Envelope(
            id: JobID(unchecked: String(decoding: fields[1], as: UTF8.self)),
            fireTime: Timestamp(microseconds: micros), copy: copy, copies: copies, timeToRun: timeToRun,
            priority: priority, headers: headers, body: rest)
    }

    /// Reads up to and including the empty line.
    private static func readHeaders(from rest: inout ByteBuffer) -> JobHeaders? {
        var headers = JobHeaders()
        while let line = readLine(from: &rest) {
            if line.isEmpty { return headers }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon + 1 < line.endIndex,
                line[colon + 1] == UInt8(ascii: " ")
            else { return nil }
            let name = line[..<colon]
            let value = line[(colon + 2)...]
            guard headers.count < JobHeaders.maximumCount, JobHeaders.isName(name), JobHeaders.isValue(value) else {
                return nil
            }
            let text = String(decoding: name, as: UTF8.self)
            guard headers[text] == nil else { return nil }
            headers[text] = String(decoding: value, as: UTF8.self)
        }
        return nil
    }

    /// - Returns: the bytes before the next CR LF, which are read too; nil where there is none.
    private static func readLine(from rest: inout ByteBuffer) -> ByteBufferView? {
        let view = rest.readableBytesView
        guard let end = view.firstIndex(of: UInt8(ascii: "\r")), end + 1 < view.endIndex,
            view[end + 1] == UInt8(ascii: "\n")
        else { return nil }
        rest.moveReaderIndex(forwardBy: end + 2 - view.startIndex)
        return view[..<end]
    }
}
