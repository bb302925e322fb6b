package import NIOCore

/// What the ledger is told of a job whose id is the caller's own.
package struct JobContent: Hashable, Sendable {
    package let date: Timestamp

    /// What makes two writings of an id the same job: of when it was to be, the headers and the body. 32 hexadecimal
    /// digits.
    package let digest: String

    package init(date: Timestamp, digest: String) {
        self.date = date
        self.digest = digest
    }

    /// - Parameters:
    ///   - time: as the caller said it: whoever asks again for a job in five seconds means the same one, though the date
    ///     has become another.
    ///   - headers: the caller's own, and the content type. Those of traces do not count: each call has another one.
    package init(date: Timestamp, time: JobRequest.Time, headers: JobHeaders, body: ByteBuffer) {
        var content = ByteBuffer()
        switch time {
        case .at(let date): content.writeString("at \(((try? Timestamp(date)) ?? .latest).microseconds)\r\n")
        case .delay(let delay):
            content.writeString("in \(delay.components.seconds).\(delay.components.attoseconds)\r\n")
        }
        EnvelopeTemplate.write(headers.withoutTrace, into: &content)
        content.writeImmutableBuffer(body)
        self.init(date: date, digest: content.withUnsafeReadableBytes { MD5.hexadecimal(of: $0) })
    }
}
