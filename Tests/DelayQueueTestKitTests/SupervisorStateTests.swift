import Testing

@testable import DelayQueueTestKit

@Suite("Supervisor state")
struct SupervisorStateTests {
    @Test func followsAServerFromStartToEnd() {
        var state = SupervisorState()
        state.receive("folder /tmp/a b")
        #expect(state.folder == "/tmp/a b")
        state.receive("started 42")
        #expect(state.processID == 42)
        #expect(state.startCount == 1)
        let number = state.sendSignal()
        #expect(state.answeredSignals < number)
        state.receive("sent STOP")
        #expect(state.answeredSignals == number)
        state.receive("exited 137")
        #expect(state.processID == nil)
        #expect(state.lastStatus == 137)
        state.receive("started 43")
        #expect(state.processID == 43)
        #expect(state.startCount == 2)
    }

    @Test func endOfTheServerAnswersSignalsUnderWay() {
        var state = SupervisorState()
        state.receive("started 42")
        let numbers = [state.sendSignal(), state.sendSignal()]
        state.receive("sent TERM")
        state.receive("exited 143")
        #expect(numbers.allSatisfy { state.answeredSignals >= $0 })
    }

    @Test func endOfTheSupervisorIsTheEndOfTheServer() {
        var state = SupervisorState()
        state.receive("started 42")
        let number = state.sendSignal()
        state.close()
        #expect(state.isClosed)
        #expect(state.processID == nil)
        #expect(state.answeredSignals >= number)
        #expect(state.problem == nil)
    }

    @Test func problemsAreKept() {
        var missing = SupervisorState()
        missing.receive("missing /usr/bin:/bin")
        missing.close(.notSpawned("later"))
        #expect(missing.problem == .executableMissing(searchPath: "/usr/bin:/bin"))
        var broken = SupervisorState()
        broken.receive("broken")
        #expect(broken.problem == .noFolder)
    }
}
