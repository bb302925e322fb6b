/// Something that is measured in each round.
struct BenchSubject<Work> {
    let name: String
    let work: Work
    /// The name of the subject it is compared with; its own where others are compared with it.
    var reference: String?
}
