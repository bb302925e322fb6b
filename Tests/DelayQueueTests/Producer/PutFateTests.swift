import Beanstalk
import Testing

@testable import DelayQueue

@Suite("Copies stored after their wait")
struct PutFateTests {
    static let id = BeanstalkJobID(7)

    @Test func `one of a refused job is deleted, one of an accepted job stays`() {
        let fate = PutFate()
        #expect(fate.decide(accepted: [true, false]).isEmpty)
        #expect(!fate.arrivedLate(FanOut.Put(job: 0, copy: 2), as: Self.id))
        #expect(fate.arrivedLate(FanOut.Put(job: 1, copy: 2), as: Self.id))
    }

    @Test func `one that comes before the decision is known to it`() {
        let fate = PutFate()
        let put = FanOut.Put(job: 0, copy: 2)
        #expect(!fate.arrivedLate(put, as: Self.id))
        #expect(fate.decide(accepted: [false]) == [put: Self.id])
    }
}
