#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// Something to be done to one record.
package struct LedgerRequest: Sendable, Hashable {
    package var key: LedgerKey
    package var operation: Operation
    package var timing: LedgerTiming

    package init(key: LedgerKey, operation: Operation, timing: LedgerTiming = .init()) {
        self.key = key
        self.operation = operation
        self.timing = timing
    }

    /// What is to be done. Replies are listed with each; those about a record's state are explained at `LedgerReply`.
    package enum Operation: Sendable, Hashable {
        /// Asks for the right to run the job for a lease.
        ///
        /// `granted` where there is no record or the job waits no longer, and again to the owner who has the claim;
        /// `ended` where the lease of the last claim is over; `suspect` where the job may be claimed to run alone only.
        /// Else `held`, `waiting`, `finished`.
        ///
        /// - Parameter due: the job's date. A job without a record, that never ran, is not granted before it by the
        ///   ledger's clock, but for ``LedgerRecord/earliness``: `early`. Nil leaves it to who asks.
        case claim(ClaimOwner, ClaimKind = .creating, due: Timestamp? = nil)

        /// Counts that the lease of the attempt is over, after which the job waits: `waiting`. Where somebody else has
        /// counted it, or the lease is not over, the state, unchanged.
        ///
        /// - Parameter owner: a token made afresh: the claim's owner can not settle the job any more.
        case endLease(ClaimOwner, attempt: Int, delay: Duration)

        /// Asks for the right to run a suspect, for a lease: one process of a queue has it at a time. The key is
        /// ``LedgerKey/init(suspectsOf:)``. `granted`, and again to who has it, from now on; else `held`. `release`
        /// ends it, as attempt 1.
        case takeTurn(ClaimOwner)

        /// Extends the claim by a lease from now: `renewed`, or `lost`.
        ///
        /// - Parameter recreatingWith: the failures to restore where the record is absent; nil restores nothing.
        ///   Give it only while the last confirmed lease, counted from before its request was sent, has not ended.
        case renew(ClaimOwner, attempt: Int, recreatingWith: JobFailures? = nil)

        /// The job ran: `settled`, also after the lease as long as nobody took over; or `lost`.
        ///
        /// - Parameter copies: how many copies the job has; 0 where that is unknown.
        case complete(ClaimOwner, attempt: Int, copies: Int)

        /// The job failed, which is counted as an error, and shall wait: `settled` or `lost`.
        case retry(ClaimOwner, attempt: Int, delay: Duration)

        /// The job was not run and may be claimed after a delay; no failure is counted. `settled` or `lost`.
        case release(ClaimOwner, attempt: Int, delay: Duration = .zero)

        /// The job is given up, until it is replayed, dropped or revoked: `settled` or `lost`.
        case bury(ClaimOwner, attempt: Int, DeathReport)

        /// Tells on which nodes copies of a dead job lie: `noted`; or the state of a job that is not dead, unchanged.
        case noteCopies([StoredCopy])

        /// A dead job shall run after all, with no failures: `replayed`; or the state of a job that is not dead.
        ///
        /// - Parameter owner: a token made afresh for each request, so that a repeat of it is answered alike.
        case replay(ClaimOwner)

        /// The job shall not run: `revoked`, `running` or `alreadyDone`.
        ///
        /// - Parameters:
        ///   - fireDate: the record lasts until the retention after it, so that copies that become ready then meet it. Nil
        ///     where it is not known: then a job without a record is left alone, `absent`.
        ///   - copies: how many copies the job has; 0 where that is unknown.
        case revoke(fireDate: Date?, copies: Int)

        /// Copies were confirmed deleted: `forgotten` where the job is done or revoked; else the state, unchanged.
        ///
        /// Once all copies are known to be deleted, the record lasts for the grace only. A request that names all of
        /// them shortens any record so, whatever its state, because there is nothing left to run; the reply is
        /// `forgotten`, or `absent` where there is no record.
        ///
        /// - Parameter of: how many copies the job has; with 0, which is unknown, nothing changes.
        case forget(CopySet, of: Int)

        /// Announces an edition before it is written. It replaces nothing. Copies of it wait for so long for its
        /// confirmation; after that the first one that asks makes it the id's, or withdrawn where the id has another.
        ///
        /// `intended`; `same` where the id has an edition of this content that waits; `taken` where it has
        /// another one that waits, unless that is to be replaced; `full`; else `held` or `finished`.
        case intend(JobContent, isReplacing: Bool, wait: Duration)

        /// Makes an edition that was written the id's: `confirmed`. Where its id has another one by now, answers like
        /// ``intend(_:isReplacing:wait:)``, and has withdrawn this one. `absent` where its announcement was lost, or the
        /// wait for this is over: then its copies decide. `finished` as withdrawn where that was so before: it may have
        /// run, before another one replaced it.
        case confirm(JobContent, isReplacing: Bool)

        /// Takes an edition back that was announced, and not confirmed: `withdrawn`. Else the state, unchanged:
        /// `scheduled` of one that was confirmed, `absent` of one whose announcement was lost or whose wait is over,
        /// `finished` of one that was withdrawn before.
        ///
        /// - Parameter isGone: no copy of it was ever stored. Then its name may be forgotten.
        case withdraw(isGone: Bool)

        /// Makes a record, as of a job that waits and never ran, where there is none; it lasts until the retention after
        /// the date. The state of the record; `absent` where none was made, since the job is so late that a record of it
        /// may have run out.
        ///
        /// Copies that were written in place of others run by such a record only, or by one of the job's other copies: a
        /// job without any may have run, and be forgotten.
        case record(ClaimOwner, due: Timestamp)

        /// Reads the state and changes nothing: that of a record, or `scheduled`.
        case status

        /// Something to be done to a queue's board.
        indirect case board(BoardOperation)

        /// Asks for the ledger's time: `time`, whatever the key.
        case time
    }

    /// What a claim is made for.
    package enum ClaimKind: Int64, Sendable, Hashable {
        /// `absent` where there is no record, for a job so late that its record may have run out.
        case existing
        /// Makes a record where there is none.
        case creating
        /// The job, if it is a suspect, is to run alone in its process. `absent` where there is no record.
        case alone
    }
}
