/// What callgrind counted in one run of a program.
struct CallgrindProfile: Equatable {
    var instructions = 0
    /// Calls of the functions that allocate.
    var allocations = 0

    private static let allocators: Set<Substring> = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"]

    /// Reads callgrind's output file.
    ///
    /// - Returns: nil where it has no summary, as of a run that did not end well.
    init?(_ text: String) {
        // A function has a name where it is first mentioned, and only a number after that: "cfn=(12) malloc", "cfn=(12)".
        // "malloc'2" is malloc called by malloc: an inner step of one allocation, and not counted.
        var allocatorNumbers: Set<Substring> = []
        var isAllocator = false
        var hasSummary = false
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            let line = Substring(line)
            guard let equals = line.utf8.firstIndex(of: UInt8(ascii: "=")) else {
                if line.hasPrefix("summary: ") || line.hasPrefix("totals: ") {
                    guard let number = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
                        continue
                    }
                    instructions = max(instructions, number)
                    hasSummary = true
                }
                continue
            }
            let value = line[line.utf8.index(after: equals)...]
            switch line[..<equals] {
            case "fn", "cfn":
                let parts = value.split(separator: " ", maxSplits: 1)
                guard let number = parts.first else { continue }
                if parts.count == 2, Self.allocators.contains(parts[1]) { allocatorNumbers.insert(number) }
                isAllocator = allocatorNumbers.contains(number)
            case "calls":
                if isAllocator, let count = value.split(separator: " ").first.flatMap({ Int($0) }) {
                    allocations += count
                }
            default: continue
            }
        }
        if !hasSummary { return nil }
    }
}
