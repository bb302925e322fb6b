import Testing

@Suite struct ChaosPlanTests {
    @Test func aSeedAlwaysGivesTheSamePlan() {
        #expect(plan(7) == plan(7))
        #expect(plan(7).faults != plan(8).faults)
    }

    @Test func faultsGrowWithTheTime() {
        for seed in 0..<20 as Range<UInt64> {
            #expect(plan(seed).faults.count >= 15)
            #expect(ChaosPlan(seed: seed, length: .seconds(600)).faults.count >= 200)
        }
    }

    @Test func everyKindOfFaultIsPlanned() {
        let faults = ChaosPlan(seed: 1, length: .seconds(3600)).faults
        #expect(Set(faults.map(\.kind)) == Set(FaultKind.allCases).subtracting([.crash]))
        #expect(faults.contains { $0.kind == .stop && $0.length > ChaosPlan.lease })
    }

    @Test func faultsAreOverWhenTheRoundIs() {
        for seed in 0..<50 as Range<UInt64> {
            let plan = plan(seed)
            #expect(plan.faults.allSatisfy { $0.start >= .zero && $0.length >= .zero && $0.end <= plan.length })
        }
    }

    @Test func noTargetHasTwoFaultsAtOnce() {
        for seed in 0..<50 as Range<UInt64> {
            for faults in Dictionary(grouping: plan(seed).faults, by: \.target).values {
                #expect(zip(faults, faults.dropFirst()).allSatisfy { $0.end < $1.start })
            }
        }
    }

    @Test func everyProducerAlwaysHasTwoNodes() {
        for seed in 0..<50 as Range<UInt64> {
            let plan = plan(seed)
            for time in plan.faults.map(\.start) {
                let targets = Set(plan.faults.filter { $0.start <= time && time <= $0.end }.map(\.target))
                for producer in 0..<ChaosPlan.producers {
                    let free = (0..<plan.nodes).filter {
                        !targets.contains(.server(.node($0)))
                            && !targets.contains(.link(.producer(producer), .node($0)))
                    }
                    #expect(free.count >= 2)
                }
            }
        }
    }

    @Test func longRoundsHaveTimesInWhichOneConsumerIsCutOffAndAllElseIsWell() {
        for seed in 0..<20 as Range<UInt64> {
            let faults = ChaosPlan(seed: seed, length: .seconds(180)).faults
            let cuts = faults.filter { fault in
                guard case .link(.consumer, .ledger) = fault.target, fault.length > ChaosPlan.lease else {
                    return false
                }
                return !faults.contains {
                    $0 != fault && $0.start < fault.start + ChaosPlan.lease + .seconds(5)
                        && $0.end > fault.start - .seconds(3)
                }
            }
            #expect(cuts.count >= 2)
        }
    }

    @Test func longRoundsHaveJobsThatKillTheirConsumersAndNobodyWhoWouldOnlyPrintThem() {
        let long = ChaosPlan(seed: 1, length: .seconds(180))
        #expect(long.poisons.count >= 2 && long.poisons.allSatisfy { $0 <= .seconds(120) })
        #expect((0..<ChaosPlan.consumers).allSatisfy(long.runsCommands))
        #expect(plan(1).poisons.isEmpty)
        #expect(!plan(1).runsCommands(consumer: ChaosPlan.consumers - 1))
    }

    private func plan(_ seed: UInt64) -> ChaosPlan { ChaosPlan(seed: seed, length: .seconds(60)) }
}
