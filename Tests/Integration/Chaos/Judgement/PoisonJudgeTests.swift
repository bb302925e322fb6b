import Testing

/// Histories of jobs that kill their consumers, of jobs beside them, and beside consumers that are cut off.
@Suite struct PoisonJudgeTests {
    // MARK: Histories that pass

    @Test func poisonIsGivenUpAfterFiveDeathsAndOthersSufferTwoOfThem() {
        let verdict = Judge.judge(poison(deaths: 5).dead().revoked(at: nil).history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.reruns == [.consumerPoisoned: 4])
        let beside = cutShort(2).granted(3, at: 50).ran(3, 51, 52, .completed, by: 1).done()
        #expect(Judge.judge(beside.history).violations.isEmpty)
    }

    @Test func aJobMayBeGivenUpForThreeLeasesThatEndedAloneAndWereNobodysFault() {
        var story = Story()
        for attempt in 1...3 {
            let begin = Double(attempt) * 20
            story = story.granted(attempt, at: begin, alone: true).ran(attempt, begin + 1, nil, nil)
                .fault(.process(.consumer(0)), .stop, from: begin + 2, to: begin + 15)
        }
        #expect(rules(story.granted(4, at: 80).dead().revoked(at: nil)) == [])
    }

    @Test func aJobDueWhileOneConsumerIsCutOffIsClaimedWithinALeaseAndSomeSeconds() {
        let verdict = Judge.judge(cutOff(claimedAt: 35).history)
        #expect(verdict.violations.isEmpty)
        #expect(verdict.waitsBesideCutOff == [.seconds(14)])
    }

    @Test func whatIsClaimedLaterMayHaveAnotherReasonWhereMoreIsWrong() {
        let story = cutOff(claimedAt: 37).fault(.server(.node(0)), .kill, from: 30, to: 31)
        #expect(Judge.judge(story.history).violations.isEmpty)
    }

    // MARK: Histories that do not

    @Test func poisonThatIsNotFoundOutInTimeOrNotAtAllIsWrong() {
        #expect(rules(poison(deaths: 6).dead().revoked(at: nil)) == [.poison])
        #expect(rules(poison(deaths: 5).granted(6, at: 500).ran(6, 501, 502, .completed).done()) == [.poison, .poison])
    }

    @Test func aJobThatSuffersFromOthersForTheThirdTimeIsWrong() {
        let story = cutShort(3).granted(4, at: 70).ran(4, 71, 72, .completed, by: 1).done()
        #expect(rules(story) == [.blamed])
    }

    @Test func aJobThatIsGivenUpForOthersOrForNothingIsWrong() {
        #expect(rules(cutShort(2).granted(3, at: 50, alone: true).dead().revoked(at: nil)) == [.blamed])
        #expect(rules(Story().granted(1, at: 10).ran(1, 11, 12, .completed).dead()) == [.blamed, .leftover])
    }

    @Test func aJobThatIsKeptFromTheOthersIsWrong() {
        #expect(rules(cutOff(claimedAt: 37)) == [.kept])
    }

    /// A job that kills its consumer each time; each attempt is one of a process of its own.
    private func poison(deaths: Int) -> Story {
        var story = Story()
        story.history.jobs[0].isPoison = true
        for attempt in 1...deaths {
            let begin = Double(attempt) * 20
            story = story.granted(attempt, at: begin, alone: attempt > 2)
                .ran(attempt, begin + 1, begin + 2, .poisoned, by: attempt).died(attempt)
        }
        return story.granted(deaths + 1, at: Double(deaths + 1) * 20)
    }

    /// A job whose first runs were cut short by another one that kills its consumer.
    private func cutShort(_ runs: Int) -> Story {
        var story = Story()
        story.history.jobs.append(
            JobStory(token: "p", id: "p", fireDate: story.history.began, fate: .unknown, isPoison: true))
        for attempt in 1...runs {
            let begin = Double(attempt) * 15
            story = story.granted(attempt, at: begin).ran(attempt, begin + 1, nil, nil, by: attempt + 1)
                .died(attempt + 1, at: begin + 2)
        }
        story.history.ledger += [.dead, .revoked].map { LedgerEntry(id: "p", state: $0) }
        return story
    }

    /// A job due at 21 while consumer 0 is cut off from 20 to 40.
    private func cutOff(claimedAt seconds: Double) -> Story {
        Story(due: 21).fault(.link(.consumer(0), .ledger), .refuse, from: 20, to: 40)
            .granted(1, at: seconds).ran(1, seconds + 1, seconds + 2, .completed, by: 1).done()
    }

    private func rules(_ story: Story) -> [Verdict.Violation.Rule] {
        Judge.judge(story.history).violations.map(\.rule)
    }
}
