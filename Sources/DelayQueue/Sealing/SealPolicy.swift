package import Beanstalk
package import NIOCore

/// Which records a consumer accepts.
package struct SealPolicy: Sendable {
    package var keyRing: KeyRing?
    /// Counts only where there are keys.
    package var unsealedJobs: UnsealedJobPolicy

    package init(keyRing: KeyRing? = nil, unsealedJobs: UnsealedJobPolicy = .refuse) {
        self.keyRing = keyRing
        self.unsealedJobs = unsealedJobs
    }
}

extension JobRecord {
    /// Reads a record, and verifies and opens it where it is sealed.
    ///
    /// The result is never `sealed`: without a fitting seal it is `unverified`.
    ///
    /// - Parameter queue: the queue it was found in; a record sealed for another one does not verify.
    package init(parsing record: ByteBuffer, opening policy: SealPolicy, queue: TubeName) {
        let found = JobRecord(parsing: record)
        guard let keyRing = policy.keyRing else {
            if case .sealed = found { self = .unverified(.noKeys) } else { self = found }
            return
        }
        switch found {
        case .sealed(let envelope):
            switch envelope.open(with: keyRing, queue: queue) {
            case .success(let envelope): self = .native(envelope)
            case .failure(let problem): self = .unverified(problem)
            }
        case _ where policy.unsealedJobs != .accept:
            self = .unverified(.notSealed)
        default:
            self = found
        }
    }
}
