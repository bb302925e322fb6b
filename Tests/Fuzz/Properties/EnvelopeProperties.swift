import Beanstalk
import DelayQueue
import NIOCore

/// What a copy's record may be: whatever is accepted can be written again and reads the same, nothing unsealed passes
/// where seals are asked for, and a sealed record opens to what was sealed, or, with one bit changed, not at all.
enum EnvelopeProperties {
    private static let queue = TubeName.default

    static func check(_ input: ByteBuffer) throws(PropertyViolation) -> Bool {
        let record = JobRecord(parsing: input)
        switch record {
        case .native(let envelope): try checkRewritten(envelope, as: record)
        case .goQueue(let goQueue):
            let written = GoQueueRecord.encode(fireNanoseconds: goQueue.fireNanoseconds, body: goQueue.body)
            guard case .goQueue(let again) = JobRecord(parsing: written), again.body == goQueue.body,
                again.fireTime == goQueue.fireTime
            else { throw PropertyViolation("\(record) was not read again") }
        case .foreign(let body):
            guard body == input, record.id == nil else {
                throw PropertyViolation("a foreign job was changed or has an id")
            }
        case .sealed, .unverified: break
        }
        // What needs ciphers costs twenty times as much as all the rest: a share of the inputs has to do.
        let choice = input.cut % 8
        if choice < 2, let keys = FuzzKeys.all.first { try checkRefused(record, of: input, keys: keys) }
        if choice == 2, case .native(let envelope) = record { try checkSealed(envelope) }
        return record.id != nil
    }

    private static func checkRewritten(_ envelope: Envelope, as record: JobRecord) throws(PropertyViolation) {
        let template = EnvelopeTemplate(
            id: envelope.id, fireTime: envelope.fireTime, timeToRun: envelope.timeToRun, priority: envelope.priority,
            headers: envelope.headers, body: envelope.body)
        var written = ByteBuffer()
        template.write(copy: envelope.copy, copies: envelope.copies, into: &written)
        guard written.readableBytes == template.size(copy: envelope.copy, copies: envelope.copies) else {
            throw PropertyViolation("\(envelope) is not as long as was said")
        }
        guard JobRecord(parsing: written) == record else { throw PropertyViolation("\(envelope) was not read again") }
        do throws(DelayQueueError) {
            try envelope.headers.validate()
            _ = try JobID(envelope.id.description)
        } catch {
            throw PropertyViolation("no producer would have written \(envelope): \(error)")
        }
    }

    /// No input has a seal that fits: whoever made it does not know the secret.
    private static func checkRefused(
        _ record: JobRecord, of input: ByteBuffer, keys: KeyRing
    ) throws(PropertyViolation) {
        let opened = JobRecord(parsing: input, opening: SealPolicy(keyRing: keys), queue: queue)
        guard case .unverified = opened else { throw PropertyViolation("\(opened) was accepted without a seal") }
        let accepted = JobRecord(
            parsing: input, opening: SealPolicy(keyRing: keys, unsealedJobs: .accept), queue: queue)
        if case .sealed = record {
            guard case .unverified = accepted else { throw PropertyViolation("\(accepted) has no seal that fits") }
        } else {
            guard accepted == record else { throw PropertyViolation("\(accepted) is read with keys, else \(record)") }
        }
    }

    private static func checkSealed(_ envelope: Envelope) throws(PropertyViolation) {
        for keys in FuzzKeys.all {
            let policy = SealPolicy(keyRing: keys)
            var sealed = ByteBuffer()
            do throws(DelayQueueError) {
                let template = try EnvelopeTemplate(
                    id: envelope.id, fireTime: envelope.fireTime, timeToRun: envelope.timeToRun,
                    priority: envelope.priority, headers: envelope.headers, body: envelope.body, sealedWith: keys,
                    queue: queue, nonce: FuzzKeys.nonce)
                template.write(copy: envelope.copy, copies: envelope.copies, into: &sealed)
            } catch {
                throw PropertyViolation("\(envelope) could not be sealed: \(error)")
            }
            guard JobRecord(parsing: sealed, opening: policy, queue: queue) == .native(envelope) else {
                throw PropertyViolation("\(envelope), sealed with \(keys), does not open")
            }
            let position = sealed.cut
            guard position < sealed.readableBytes, let byte = sealed.getInteger(at: position, as: UInt8.self) else {
                continue
            }
            sealed.setInteger(byte ^ 1, at: position)
            guard case .unverified = JobRecord(parsing: sealed, opening: policy, queue: queue) else {
                throw PropertyViolation("\(envelope), sealed with \(keys), opens with byte \(position) changed")
            }
        }
    }
}

/// Keys, and a nonce that is the same in every run.
private enum FuzzKeys {
    static let nonce = [UInt8](repeating: 9, count: 12)

    static let all: [KeyRing] = [KeyRing.Mode.encrypt, .sign].compactMap { mode in
        (try? SealingKey(id: "k1", secret: [UInt8](repeating: 1, count: 32))).flatMap {
            try? KeyRing(current: $0, mode: mode)
        }
    }
}
