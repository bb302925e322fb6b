/// The options of `dq` for the ways in which a job's copies can be written; both are used in every round.
enum CopyModeOptions {
    static func random(in generator: inout some RandomNumberGenerator) -> [String] {
        Bool.random(using: &generator) ? ["--copies-together"] : []
    }
}
