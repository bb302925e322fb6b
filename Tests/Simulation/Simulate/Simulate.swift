import SimulatedWorld

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs many worlds on all cores, or one again in full.
@main
struct Simulate {
    private static let usage = "usage: simulate [--seeds N] [--first S] [--lanes N] | --seed S"

    static func main() async {
        hashDeterministically()
        var arguments = CommandLine.arguments.dropFirst()
        var numbers: [String: UInt64] = [:]
        while let option = arguments.popFirst() {
            guard ["--seeds", "--first", "--lanes", "--seed"].contains(option),
                let value = arguments.popFirst().flatMap({ UInt64($0) })
            else {
                print(usage)
                exit(64)
            }
            numbers[option] = value
        }
        if let seed = numbers["--seed"] { exit(replay(seed)) }
        let lanes = numbers["--lanes"].map { Int(clamping: $0) } ?? sysconf(Int32(_SC_NPROCESSORS_ONLN))
        let first = numbers["--first"] ?? 0
        let campaign = Campaign(seeds: first..<(first + (numbers["--seeds"] ?? 100_000)), lanes: max(lanes, 1))
        let summary = await campaign.run()
        print(summary.description)
        if let (seed, violation) = summary.broken {
            print("seed \(seed): \(violation)")
            print("./dev simulate --seed \(seed) tells it in full")
            exit(1)
        }
    }

    /// The order in which a dictionary is gone through decides what happens next, and is to be the same in every run.
    private static func hashDeterministically() {
        let variable = "SWIFT_DETERMINISTIC_HASHING"
        guard getenv(variable) == nil else { return }
        setenv(variable, "1", 1)
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        execvp(CommandLine.arguments[0], arguments)
        print("could not start again with \(variable) set; a replay may differ")
    }

    private static func replay(_ seed: UInt64) -> Int32 {
        let world = World(seed: seed)
        world.keepsHistory = true
        var violation: Violation?
        do {
            try world.run()
        } catch {
            violation = error
        }
        for line in world.history { print(line) }
        print("seed \(seed): \(violation?.description ?? "no promise was broken")")
        return violation == nil ? 0 : 1
    }
}
