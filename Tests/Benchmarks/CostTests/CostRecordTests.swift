import DelayQueue
import Foundation
import Testing

@testable import cost

@Suite struct CostRecordTests {
    private let cost = Cost(
        instructions: 200_000, allocations: 60, nodeCommands: 3, reserves: 3, ledgerCalls: 2, ledgerBytes: 590)

    private static let batch = Work(kind: .produceBatch, copyMode: .standby)
    private static let stream = Work(kind: .consumeStream, copyMode: .standby)

    private func record(_ work: Work) -> CostRecord { CostRecord(system: "here", jobs: [work.name: cost]) }

    @Test func theSameCostIsNoRegress() {
        for work in Work.all {
            let (regresses, remarks) = record(work).judge([work.name: cost])
            #expect(regresses.isEmpty && remarks.isEmpty)
        }
    }

    @Test func everyFigureThatDoublesIsARegress() throws {
        for work in Work.all {
            for figure in Cost.figures() {
                var doubled = cost
                doubled[keyPath: figure.path] *= 2
                let (regresses, _) = record(work).judge([work.name: doubled])
                let line = try #require(regresses.first)
                #expect(regresses.count == 1)
                #expect(line.contains(work.name) && line.contains(figure.name) && line.contains("+100 %"))
            }
        }
    }

    @Test func steadyWorkIsJudgedMoreStrictly() {
        var more = cost
        more.instructions *= 1.08
        #expect(record(Self.batch).judge([Self.batch.name: more]).regresses.count == 1)
        #expect(record(Self.stream).judge([Self.stream.name: more]).regresses.isEmpty)
    }

    @Test func whatIsFarBetterIsSaidButPasses() {
        var less = cost
        less.allocations /= 2
        let (regresses, remarks) = record(Self.stream).judge([Self.stream.name: less])
        #expect(regresses.isEmpty)
        #expect(remarks.count == 1)
    }

    @Test(arguments: [(1.09, 0), (1.11, 1)])
    func typesMayCostATenthMoreThanDecodingByHand(_ ratio: Double, _ regresses: Int) {
        var typed = cost
        typed.instructions *= ratio
        let record = CostRecord(system: "here", jobs: [Work.typed.name: typed, Work.decoding.name: cost])
        #expect(record.judge(record.jobs).regresses.count == regresses)
    }

    @Test func whatWasNeverRecordedDoesNotPass() {
        #expect(record(Self.stream).judge([Self.batch.name: cost]).regresses.count == 1)
    }

    @Test func aRecordIsReadAsItWasWritten() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("costs-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let record = record(Self.batch)
        try record.write(to: path)
        #expect(try CostRecord(contentsOf: path) == record)
        #expect(throws: CostFailure.self) { try CostRecord(contentsOf: path + ".absent") }
    }

    @Test func startingAndEndingFallOut() {
        let few = RunCount(
            instructions: 5_000, allocations: 100, nodeCommands: 12, reserves: 4, ledgerCalls: 3, ledgerBytes: 90)
        let many = RunCount(
            instructions: 9_000, allocations: 140, nodeCommands: 42, reserves: 14, ledgerCalls: 23, ledgerBytes: 1_090)
        let cost = RunCount.cost(of: 10, from: few, to: many)
        #expect(
            cost
                == Cost(
                    instructions: 400, allocations: 4, nodeCommands: 3, reserves: 1, ledgerCalls: 2, ledgerBytes: 100))
        #expect(RunCount.least(of: [few, many]).instructions == 5_000)
    }
}
