/// Random numbers that repeat for a seed (SplitMix64), so that a failure can be run again.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    /// One of several generators of a seed that have nothing to do with each other.
    package init(seed: UInt64, stream: Int) {
        var seeds = SeededGenerator(seed: seed ^ (UInt64(stream) &* 0xd1b5_4a32_d192_ed03))
        state = seeds.next()
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
