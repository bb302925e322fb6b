public import ArgumentParser
public import DelayQueue

/// What a consumer does with jobs that do not simply run.
struct PolicyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Jobs later than ledger records last, of which nobody knows whether they ran: bury, deliver or discard.",
            valueName: "policy"))
    var lateJobs: LateJobPolicy = .bury

    @Option(
        help: ArgumentHelp(
            "Records in the tube that are no jobs of this tool or go-queue: bury or deliver.", valueName: "policy"))
    var foreignJobs: ForeignJobPolicy = .bury

    @Flag(help: "Complete each job before it is delivered: it never runs twice, and a crash loses it.")
    var atMostOnce = false

    @Option(
        help: ArgumentHelp(
            "Give a job up that failed this often, ended leases not counted; 25 unless given.", valueName: "n"))
    var maxFailures: Int?

    @Option(
        help: ArgumentHelp(
            "Give a job up whose lease ended this often while it was alone in its process; 3 unless given.",
            valueName: "n"))
    var maxEndedAlone: Int?

    func validate() throws {
        if let maxEndedAlone, maxEndedAlone < 1 {
            throw ValidationError("--max-ended-alone is \(maxEndedAlone); it must be at least 1.")
        }
        if let maxFailures, maxFailures < 1 {
            throw ValidationError("--max-failures is \(maxFailures); it must be at least 1.")
        }
        if atMostOnce, foreignJobs == .deliver {
            throw ValidationError("--at-most-once can not be promised for foreign jobs; leave one of the two out.")
        }
    }

    func apply(to configuration: inout ConsumerConfiguration) {
        configuration.lateJobs = lateJobs
        configuration.foreignJobs = foreignJobs
        if atMostOnce { configuration.deliveryGuarantee = .atMostOnce }
        if let maxEndedAlone { configuration.retryPolicy.maximumEndedAlone = maxEndedAlone }
        if let maxFailures { configuration.retryPolicy.maximumFailures = maxFailures }
    }
}

extension LateJobPolicy: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = Value(rawValue: argument) else { return nil }
        self.init(value)
    }

    public static var allValueStrings: [String] { Value.allCases.map(\.rawValue) }
}

extension ForeignJobPolicy: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = Value(rawValue: argument) else { return nil }
        self.init(value)
    }

    public static var allValueStrings: [String] { Value.allCases.map(\.rawValue) }
}
