import NIOCore

/// What the first line of every record says, sealed or not.
package struct EnvelopeLine: Sendable, Hashable {
    package var id: JobID
    package var fireTime: Timestamp

    /// This copy's index; below `copies` unless that is 0.
    package var copy: Int

    /// How many copies the producer planned; 0 where they cannot be counted.
    package var copies: Int

    /// Seconds; at least 1.
    package var timeToRun: UInt32

    package var priority: UInt32
}

extension EnvelopeLine {
    /// Reads five fields strictly: id, fire time, copy and copies, time to run, priority.
    init?(_ fields: ArraySlice<ByteBufferView>) {
        let first = fields.startIndex
        guard fields.count == 5,
            (1...JobID.maximumLength).contains(fields[first].count), fields[first].allSatisfy(\.isVisibleASCII),
            let micros = Int64(decimal: fields[first + 1]), micros <= Timestamp.latest.microseconds,
            let slash = fields[first + 2].firstIndex(of: UInt8(ascii: "/")),
            let copy = Int(decimal: fields[first + 2][..<slash]), copy < CopySet.maximumCount,
            let copies = Int(decimal: fields[first + 2][(slash + 1)...]), copies <= CopySet.maximumCount,
            copies == 0 || copy < copies,
            let timeToRun = UInt32(decimal: fields[first + 3]), timeToRun >= 1,
            let priority = UInt32(decimal: fields[first + 4])
        else { return nil }
        id = JobID(unchecked: String(decoding: fields[first], as: UTF8.self))
        fireTime = Timestamp(microseconds: micros)
        self.copy = copy
        self.copies = copies
        self.timeToRun = timeToRun
        self.priority = priority
    }
}

extension ByteBuffer {
    /// - Returns: the bytes before the next CR LF, which are read too; nil where there is none.
    mutating func readRecordLine() -> ByteBufferView? {
        let view = readableBytesView
        guard let end = view.firstIndex(of: UInt8(ascii: "\r")), end + 1 < view.endIndex,
            view[end + 1] == UInt8(ascii: "\n")
        else { return nil }
        moveReaderIndex(forwardBy: end + 2 - view.startIndex)
        return view[..<end]
    }
}

extension JobHeaders {
    /// Reads a record's headers, up to and including the empty line.
    ///
    /// - Returns: nil for bytes that no writer of this format makes.
    init?(reading rest: inout ByteBuffer) {
        self.init()
        while let line = rest.readRecordLine() {
            if line.isEmpty { return }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon + 1 < line.endIndex,
                line[colon + 1] == UInt8(ascii: " ")
            else { return nil }
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
