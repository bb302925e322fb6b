/// Something about some of the jobs in a consumer's hands, kept as they are in ``HeldJobs``.
struct HeldJobMap<Value> {
    private var slots: [(number: UInt64, value: Value?)] = []

    subscript(id: HeldJobID) -> Value? {
        get {
            let slot = Int(id.slot)
            return slot < slots.count && slots[slot].number == id.number ? slots[slot].value : nil
        }
        set {
            let slot = Int(id.slot)
            while slots.count <= slot { slots.append((0, nil)) }
            // What is known of a later job stays.
            if newValue != nil || slots[slot].number == id.number { slots[slot] = (id.number, newValue) }
        }
    }
}
