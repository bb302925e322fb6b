/// What callgrind counted in one run of a program.
struct CallgrindProfile: Equatable {
    var instructions = 0
    /// Calls of the functions that allocate.
    var allocations = 0
    /// What each function executed itself, without those it called.
    var instructionsByFunction: [String: Int] = [:]

    private static let allocators: Set<String> = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"]
    /// Lines of costs begin with a position: a number, or a difference to the one before.
    private static let positionStarts = Set("0123456789+-*".utf8)

    /// Reads callgrind's output file.
    ///
    /// - Returns: nil where it has no summary, as of a run that did not end well.
    init?(_ text: String) {
        // A function has a name where it is first mentioned, and only a number after that: "cfn=(12) malloc", "cfn=(12)".
        // "malloc'2" is malloc called by malloc: an inner step of one allocation, and not counted.
        var names: [Substring: String] = [:]
        var function = ""
        var callee = ""
        // The line after "calls=" says what the callee cost.
        var isOfCallee = false
        var hasSummary = false
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            let line = Substring(line)
            guard let equals = line.utf8.firstIndex(of: UInt8(ascii: "=")) else {
                let fields = line.split(separator: " ", omittingEmptySubsequences: true)
                guard fields.count > 1, let count = Int(fields[1]) else { continue }
                if fields[0] == "summary:" || fields[0] == "totals:" {
                    instructions = max(instructions, count)
                    hasSummary = true
                } else if let first = fields[0].utf8.first, Self.positionStarts.contains(first) {
                    if !isOfCallee { instructionsByFunction[function, default: 0] += count }
                    isOfCallee = false
                }
                continue
            }
            let value = line[line.utf8.index(after: equals)...]
            let kind = line[..<equals]
            switch kind {
            case "fn", "cfn":
                let parts = value.split(separator: " ", maxSplits: 1)
                guard let number = parts.first else { continue }
                if parts.count == 2 { names[number] = String(parts[1]) }
                let name = names[number] ?? ""
                if kind == "fn" { function = name } else { callee = name }
            case "calls":
                isOfCallee = true
                if Self.allocators.contains(callee), let count = value.split(separator: " ").first.flatMap({ Int($0) })
                {
                    allocations += count
                }
            default: continue
            }
        }
        if !hasSummary { return nil }
    }
}
