import Testing

/// Histories that must pass, and for every rule histories that must not.
@Suite struct JudgeTests {
    // MARK: Histories that pass

    @Test func aJobThatRanOncePasses() {
        let verdict = Judge.judge(Story().granted(1, at: 10).ran(1, 11, 12, .completed).done().history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.reruns.isEmpty)
    }

    @Test func aRunIsExplainedByItsHandlersFailure() {
        let story = Story().granted(1, at: 10).ran(1, 11, 12, .failed).waiting(1, failures: 1)
            .granted(2, at: 14, failures: 1).ran(2, 15, 16, .completed, by: 1).done()
        let verdict = Judge.judge(story.history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.reruns == [.handlerFailed: 1])
    }

    @Test func aRunIsExplainedByTheEndOfItsConsumer() {
        let story = Story().granted(1, at: 10).ran(1, 11, 13, .terminated).asked(at: 12).waiting(1, failures: 0)
            .granted(2, at: 14).ran(2, 15, 16, .completed, by: 1).done()
        let verdict = Judge.judge(story.history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.reruns == [.consumerEnded: 1])
    }

    /// The orphan of a killed consumer goes on, beyond the lease and beside the next run.
    @Test func aRunIsExplainedByTheLeaseOfAKilledConsumer() {
        let story = Story().granted(1, at: 10).ran(1, 11, 24, .completed).killed(at: 12)
            .granted(2, at: 20, failures: 1).ran(2, 21, 22, .completed, by: 1).done()
        let verdict = Judge.judge(story.history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.reruns == [.consumerKilled: 1])
    }

    @Test(arguments: [
        (Target.process(.consumer(0)), Verdict.Explanation.consumerStopped),
        (.link(.consumer(0), .ledger), .cutFromLedger),
        (.server(.ledger), .ledgerAway),
    ])
    func aRunIsExplainedByWhatKeptItsLeaseFromBeingRenewed(_ target: Target, _ explanation: Verdict.Explanation) {
        let story = Story().granted(1, at: 10).ran(1, 11, nil, nil).fault(target, .stop, from: 12, to: 30)
            .granted(2, at: 20, failures: 1).ran(2, 21, 22, .completed, by: 1).done()
        let verdict = Judge.judge(story.history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.reruns == [explanation: 1])
    }

    @Test func aRevokedJobNeedNotRun() {
        let verdict = Judge.judge(Story().revoked(at: 5).history)
        #expect(verdict.violations.isEmpty)
    }

    @Test func aRunMayBeginAfterItsLeaseWhereItsProcessWasStopped() {
        let story = Story().granted(1, at: 10).fault(.process(.consumer(0)), .stop, from: 11, to: 25)
            .granted(2, at: 20, failures: 1).ran(2, 21, 22, .completed, by: 1).done().ran(1, 26, 27, .terminated)
        let verdict = Judge.judge(story.history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.lateStarts == 1)
    }

    @Test func aConsumerWhoseClockIsWrongMayBeATenthOfASecondEarly() {
        let story = Story(due: 12).granted(1, at: 11.8).fault(.clock(.consumer(0)), .shift, from: 9, to: 20)
        #expect(rules(story.ran(1, 11.95, 13, .completed).done()) == [])
        #expect(rules(story.ran(1, 11.85, 13, .completed).done()) == [.early])
        #expect(rules(Story(due: 12).granted(1, at: 11.8).ran(1, 11.95, 13, .completed).done()) == [.early])
    }

    // MARK: Histories that do not

    @Test func anAcceptedJobThatNeverRanIsLost() {
        #expect(rules(Story()) == [.lost])
    }

    @Test func aJobThatIsDoneWithoutACompletedRunIsLost() {
        #expect(rules(Story().granted(1, at: 10).ran(1, 11, 12, .failed).done()) == [.lost, .lost])
        #expect(rules(Story(fate: .unknown).granted(1, at: 10).done()) == [.lost])
    }

    @Test func aJobLeftUnfinishedIsLost() {
        #expect(rules(Story(fate: .refused).granted(1, at: 10).ran(1, 11, 12, .completed)) == [.lost])
    }

    @Test func aRevocationNobodyAskedForLosesTheJob() {
        #expect(rules(Story().revoked(at: nil)) == [.lost])
    }

    @Test func aRunBeforeTheFireDateIsEarly() {
        #expect(rules(Story(due: 12).granted(1, at: 10).ran(1, 11, 12, .completed).done()) == [.early])
    }

    @Test func aRerunWithoutAReasonIsUnexplained() {
        // The lease ended although nothing was wrong with its consumer: a fault that was over when the renewal was
        // due, one of another consumer, and a kill after the lease's end do not count.
        let story = Story().granted(1, at: 10).ran(1, 11, 12, .completed)
            .fault(.link(.consumer(0), .ledger), .stallBoth, from: 3, to: 13)
            .fault(.process(.consumer(1)), .stop, from: 11, to: 16).killed(at: 20.5)
            .granted(2, at: 20, failures: 1).ran(2, 21, 22, .completed, by: 1).done()
        #expect(rules(story) == [.unexplainedRerun])
    }

    @Test func aRetryOfARunThatDidNotFailIsUnexplained() {
        let story = Story().granted(1, at: 10).ran(1, 11, 12, .completed).waiting(1, failures: 1)
            .granted(2, at: 14, failures: 1).ran(2, 15, 16, .completed, by: 1).done()
        #expect(rules(story) == [.unexplainedRerun])
    }

    @Test func aRunHandedBackByAConsumerThatGoesOnIsUnexplained() {
        let story = Story().granted(1, at: 10).ran(1, 11, 12, .terminated).waiting(1, failures: 0)
            .granted(2, at: 14).ran(2, 15, 16, .completed, by: 1).done()
        #expect(rules(story) == [.unexplainedRerun])
    }

    @Test func aRunHandedBackAfterItsLeaseEndedIsExplainedAlsoWhereALateRenewalWasGranted() {
        let ended = Story().granted(1, at: 10).ran(1, 11, 20.5, .terminated)
        let late = { (story: Story) in
            story.granted(1, at: 22).waiting(1, failures: 0).granted(2, at: 22.5).ran(2, 23, 24, .completed, by: 1)
                .done()
        }
        #expect(rules(late(ended.fault(.process(.consumer(0)), .stop, from: 14, to: 15))) == [])
        #expect(rules(late(ended)) == [.unexplainedRerun], "nothing kept it from being renewed")
        let early = Story().granted(1, at: 10).ran(1, 11, 19, .terminated)
            .fault(.process(.consumer(0)), .stop, from: 14, to: 15)
        #expect(rules(late(early)) == [.unexplainedRerun], "the lease had not ended")
        let unseen = Story().granted(1, at: 10).ran(1, 11, 12, .failed)
        #expect(rules(late(unseen.fault(.process(.consumer(0)), .stop, from: 11.5, to: 21))) == [])
        #expect(rules(late(unseen)) == [.unexplainedRerun], "nothing kept its end from being seen")
    }

    @Test func aRunThatGoesOnAfterItWasHandedBackOverlaps() {
        let story = Story().granted(1, at: 10).ran(1, 11, 17, .terminated).asked(at: 12).waiting(1, failures: 0)
            .granted(2, at: 14).ran(2, 15, 16, .completed, by: 1).done()
        #expect(rules(story) == [.overlap, .unexplainedRerun])
    }

    @Test func aClaimBeforeTheEndOfALeaseIsAgainstTheLedgersRules() {
        let story = Story().granted(1, at: 10).ran(1, 11, 24, .completed).killed(at: 12)
            .granted(2, at: 19, failures: 1).ran(2, 19.5, 22, .completed, by: 1).done()
        #expect(rules(story) == [.ledger, .overlap])
    }

    @Test func aClaimAfterTheEndIsAgainstTheLedgersRules() {
        let done = Story().granted(1, at: 10).ran(1, 11, 12, .completed).done()
        #expect(rules(done.granted(2, at: 13).done()).contains(.ledger))
        #expect(rules(Story().revoked(at: 5).granted(1, at: 10).ran(1, 11, 12, .completed).done()).contains(.ledger))
    }

    @Test func attemptsCountUp() {
        let story = Story().granted(1, at: 10).killed(at: 12).granted(1, at: 30, owner: "other")
            .granted(3, at: 50).ran(3, 51, 52, .completed, by: 1).done()
        #expect(rules(story) == [.ledger, .ledger])
    }

    @Test func aRunNeedsAClaimOfItsOwn() {
        #expect(rules(Story().granted(1, at: 10).ran(2, 11, 12, .completed).done()) == [.runWithoutRight])
        #expect(rules(Story().granted(1, at: 10).ran(1, 9, 12, .completed).done()) == [.runWithoutRight])
        let twice = Story().granted(1, at: 10).ran(1, 11, 12, .completed).ran(1, 11.5, 12, .completed, by: 1).done()
        #expect(rules(twice) == [.runWithoutRight])
    }

    @Test func aRunAfterItsLeaseIsWrongWhereItsProcessWasNotStopped() {
        #expect(rules(Story().granted(1, at: 10).ran(1, 20.5, 21, .completed).done()) == [.runWithoutRight])
    }

    @Test func aRunAfterARevocationIsWrong() {
        let story = Story().granted(1, at: 10).ran(1, 11, 12, .failed).waiting(1, failures: 1)
            .granted(2, at: 14, failures: 1).ran(2, 15, 16, .completed).done().revoked(at: 13)
        #expect(rules(story).contains(.ranAfterRevocation))
    }

    @Test func aRunAfterACertainRefusalIsWrong() {
        let story = Story(fate: .refusedForGood).granted(1, at: 10).ran(1, 11, 12, .completed).done()
        #expect(rules(story) == [.ranAfterRefusal])
        #expect(rules(Story(fate: .refused).granted(1, at: 10).ran(1, 11, 12, .completed).done()).isEmpty)
    }

    @Test func whatIsLeftOnServersIsWrong() {
        var history = Story().granted(1, at: 10).ran(1, 11, 12, .completed).done().history
        history.leftovers = ["node0: 1 ready"]
        history.drained = nil
        #expect(Judge.judge(history).violations.map(\.rule) == [.leftover, .leftover])
    }

    @Test func aProcessThatEndedByItselfIsWrong() {
        var history = Story().granted(1, at: 10).ran(1, 11, 12, .completed).done().history
        history.lives[0].ending = .byItself(status: 139)
        #expect(Judge.judge(history).violations.map(\.rule) == [.process])
    }

    private func rules(_ story: Story) -> [Verdict.Violation.Rule] {
        Judge.judge(story.history).violations.map(\.rule)
    }
}
