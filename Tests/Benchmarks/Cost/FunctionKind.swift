/// What part of a program a function belongs to, as its symbol tells.
enum FunctionKind {
    static func of(_ symbol: String) -> String {
        if let module = module(of: symbol) {
            return module == "s" ? "Swift standard library" : module
        }
        let known: [(String, [String])] = [
            ("Swift standard library", ["$s"]),
            ("Swift runtime", ["swift_", "_swift_", "swift::", "(anonymous namespace)::", "__swift", "_ZN5swift"]),
            (
                "allocation",
                ["malloc", "free", "calloc", "realloc", "_int_", "unlink_chunk", "posix_memalign", "sysmalloc"]
            ),
            ("copying of memory", ["__mem", "mem", "__str", "str"]),
            ("locks", ["pthread_", "___pthread", "__pthread", "__lll"]),
            ("Dispatch", ["_dispatch", "dispatch_"]),
            ("hiredis", ["redis", "sds"]),
        ]
        return known.first { $0.1.contains { symbol.hasPrefix($0) } }?.0 ?? "other"
    }

    /// The module in a mangled name: `$s7NIOCore…` is NIOCore's.
    private static func module(of symbol: String) -> String? {
        guard symbol.hasPrefix("$s") else { return nil }
        let rest = symbol.dropFirst(2)
        let digits = rest.prefix { $0.isNumber }
        guard let length = Int(digits), length > 0 else { return nil }
        return String(rest.dropFirst(digits.count).prefix(length))
    }
}
