package import NIOCore

/// What makes two writings of an id the same job: the date, and a digest of the headers and the body.
package struct JobContent: Hashable, Sendable {
    package let date: Timestamp

    /// 32 hexadecimal digits.
    package let digest: String

    package init(date: Timestamp, digest: String) {
        self.date = date
        self.digest = digest
    }

    /// - Parameter headers: the caller's own, and the content type.
    package init(date: Timestamp, headers: JobHeaders, body: ByteBuffer) {
        var content = ByteBuffer()
        EnvelopeTemplate.write(headers, into: &content)
        content.writeImmutableBuffer(body)
        self.init(date: date, digest: content.withUnsafeReadableBytes { MD5.hexadecimal(of: $0) })
    }
}
