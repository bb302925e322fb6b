/// Every job in a consumer's hands.
///
/// A job's number says where it is kept, so looking it up hashes nothing, and changing it moves nothing.
struct HeldJobs {
    private struct Slot {
        /// Of the job that is kept here, or was last.
        var number: UInt64 = 0
        var job: HeldJob?
    }

    private var slots: [Slot] = []
    /// Slots without a job.
    private var free: [Int32] = []
    private var lastNumber: UInt64 = 0

    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Takes a job in.
    ///
    /// - Returns: its number, which rises from job to job.
    mutating func insert(_ job: HeldJob) -> HeldJobID {
        lastNumber += 1
        count += 1
        let slot: Int32
        if let known = free.popLast() {
            slot = known
        } else {
            slot = Int32(slots.count)
            slots.append(Slot())
        }
        slots[Int(slot)] = Slot(number: lastNumber, job: job)
        return HeldJobID(lastNumber, slot: slot)
    }

    /// - Returns: nil where it was not there.
    mutating func remove(_ id: HeldJobID) -> HeldJob? {
        guard holds(id) else { return nil }
        let job = slots[Int(id.slot)].job.take()
        count -= 1
        free.append(id.slot)
        return job
    }

    /// To change a job. One that is not there is nil and stays nil, whatever is assigned; one that is there goes by
    /// ``remove(_:)`` only.
    subscript(id: HeldJobID) -> HeldJob? {
        _read {
            if holds(id) { yield slots[Int(id.slot)].job } else { yield nil }
        }
        _modify {
            if holds(id) {
                yield &slots[Int(id.slot)].job
                assert(slots[Int(id.slot)].job != nil, "a job was removed where it is only changed")
            } else {
                var none: HeldJob?
                yield &none
            }
        }
    }

    func record(of id: HeldJobID) -> HeldRecord? {
        holds(id) ? slots[Int(id.slot)].job?.shared : nil
    }

    private func holds(_ id: HeldJobID) -> Bool {
        let slot = Int(id.slot)
        return slot < slots.count && slots[slot].number == id.number && slots[slot].job != nil
    }
}

extension HeldJobs: Sequence {
    /// In no particular order, of the jobs that are there when it begins.
    func makeIterator() -> AnyIterator<(id: HeldJobID, job: HeldJob)> {
        var index = 0
        let slots = slots
        return AnyIterator {
            while index < slots.count {
                defer { index += 1 }
                if let job = slots[index].job { return (HeldJobID(slots[index].number, slot: Int32(index)), job) }
            }
            return nil
        }
    }

    var values: [HeldJob] { map(\.job) }
}
