import ArgumentParser
import Beanstalk
import CommandSupport
import DelayQueue
import Subprocess

struct ConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume",
        abstract: "Take jobs when they are due, and print them or run a command for each.",
        discussion: """
            A printed job is complete once its line is written; when the reader goes away, the job at hand goes back \
            to the queue. With --exec a command gets the job's body on standard input and DQ_JOB_ID, DQ_JOB_KEY, \
            DQ_ATTEMPT and DQ_FIRE_DATE in its environment: exit status 0 completes the job, any other end retries it \
            later. The command is ended when the job's lease is lost, and when this process is killed.

            Ids are chosen by producers, and may be anything that can be typed, such as ../../x: name no file by \
            DQ_JOB_ID. DQ_JOB_KEY stands for it: 64 letters and digits, the same for every attempt (its SHA-256). DQ_NODES \
            and DQ_TUBE say where the job came from; DQ_REDIS is left out where a password is in it.

            SIGINT, SIGTERM, SIGQUIT and SIGHUP end it in order, with exit code 0: running commands have 5 seconds, \
            then get SIGTERM, and SIGKILL a second later; what is not done goes back to the queue. It ends within 7 \
            seconds, whatever is away: what could not be given back by then runs again once its lease is over. A second \
            signal kills the commands and ends it within a second, with exit code 128 and the signal's number.
            """)

    @Flag(help: "Print a JSON object per job: id, body (or bodyBase64), attempt, fireDate, latenessMs, headers.")
    var json = false

    @Flag(help: "Add deliveredAt to the JSON: when this command got the job.")
    var timestamps = false

    @Option(name: .customLong("max"), help: ArgumentHelp("End after this many jobs, retries counted.", valueName: "n"))
    var maximum: Int?

    @Flag(help: "End when the nodes have no jobs left but dead and buried ones.")
    var untilEmpty = false

    @Option(
        name: .customLong("exec"),
        help: ArgumentHelp(
            "Run /bin/sh -c command for each job. With --json its output goes to standard error.", valueName: "command")
    )
    var command: String?

    @Option(help: ArgumentHelp("How many jobs run at once.", valueName: "n"))
    var concurrency = 16

    @Option(
        help: ArgumentHelp(
            "The most bytes of jobs held at once, those that run included; 64M unless given.",
            discussion: "Each node has an equal share. A job may take twice its size in memory.", valueName: "bytes"),
        transform: { text throws(InvalidText) in try SizeText.parse(text) })
    var maxHeld: Int?

    @Option(
        help: ArgumentHelp(
            "How long a job stays this consumer's without a sign of life: the time after which a crash is noticed. "
                + "30 unless given.", valueName: "seconds"),
        transform: { text throws(InvalidText) in try DurationText.parseSeconds(text) })
    var lease: Duration?

    @Flag(help: "Run jobs that are not sealed too, with --keys: while jobs written without keys are waiting.")
    var acceptUnsealed = false

    @OptionGroup var policies: PolicyOptions
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        if let maximum, maximum < 1 { throw ValidationError("--max is \(maximum); it must be at least 1.") }
        guard (1...Consumer.maximumConcurrency).contains(concurrency) else {
            throw ValidationError(
                "--concurrency is \(concurrency); it must be 1 to \(Consumer.maximumConcurrency).")
        }
        if timestamps, !json { throw ValidationError("--timestamps is for --json only.") }
        try policies.validate()
        if let command, command.isEmpty { throw ValidationError("--exec: the command is empty.") }
        _ = try cluster.resolvedNodes()
        _ = try cluster.requiredLedger()
        _ = try cluster.consumerConfiguration()
        if acceptUnsealed, try !cluster.security.hasKeys() {
            throw ValidationError("--accept-unsealed is for --keys only.")
        }
        if acceptUnsealed, try cluster.security.isSealingRequired() {
            throw ValidationError("--accept-unsealed and --require-sealed contradict each other.")
        }
    }

    func run() async throws {
        let nodes = try cluster.resolvedNodes()
        let ledger = try cluster.requiredLedger()
        var configuration = try cluster.consumerConfiguration()
        #if Sealing
            if acceptUnsealed { configuration.unsealedJobs = .accept }
        #endif
        cluster.security.warn()
        if let lease { configuration.timing.lease = lease }
        if let maxHeld { configuration.maximumHeldBytes = maxHeld }
        policies.apply(to: &configuration)
        let consumer = try Consumer(
            nodes: nodes, ledger: ledger, configuration: configuration, logger: cluster.logger(label: "dq.consumer"))
        var concurrency = concurrency
        var openFiles = 0
        if command != nil {
            let wanted = concurrency
            let limit: Int
            (limit, openFiles) = DescriptorLimit.raise()
            concurrency = try DescriptorLimit.commands(wanted: wanted, nodes: nodes.count, limit: limit)
            if concurrency < wanted {
                StandardStream.error.note(
                    "\(concurrency) commands run at once, and not \(wanted): this process may have \(limit) files open "
                        + "(ulimit -n)")
            }
        }
        let hasSecretLedger = ClusterOptions.isRedisVariableSecret
        let session = ConsumeSession(
            consumer: consumer, concurrency: concurrency, maximum: maximum,
            action: JobAction(
                runner: command.map {
                    CommandRunner(
                        command: $0,
                        // A line per job is all a program finds on standard output; what commands say goes where people look.
                        output: json ? .currentStandardError : .currentStandardOutput, openFiles: openFiles,
                        nodes: nodes, hasSecretLedger: hasSecretLedger)
                }, isJSON: json, printsTimestamps: timestamps))
        let probe = QueueProbe(
            nodes: nodes,
            operations: try cluster.operations(ledger: ledger),
            connection: configuration.connection, logger: cluster.logger(label: "dq.probe"))
        let check = ReachCheck(probe: probe, ledger: ledger, tube: nodes.first?.tube ?? .default)
        let untilEmpty = untilEmpty

        BrokenPipe.whenReaderIsGone { session.interrupt() }
        try await Interruption.run(stoppingWith: { $0 ? session.interruptAtOnce() : session.interrupt() }) {
            let result: Result<Void, any Error>
            do {
                try await session.run {
                    try await check.run()
                    guard untilEmpty else { return }
                    try await probe.untilEmpty { session.isBusy }
                    session.finish()
                }
                result = .success(())
            } catch {
                result = .failure(error)
            }
            async let closing: Void = probe.close()
            await ledger.close(within: .milliseconds(300))
            await closing
            try result.get()
        }
    }
}
