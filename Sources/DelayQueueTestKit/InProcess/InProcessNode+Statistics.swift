import NIOCore

/// What `stats` and its kin say, as far as a client looks at it.
extension InProcessNode {
    var statistics: ByteBuffer {
        let jobs = allJobs
        return text(
            [
                ("id", "\(serverID)"), ("hostname", "in-process"), ("version", "1.12"), ("os", "none"),
                ("platform", "none"), ("pid", "0"), ("uptime", "0"), ("rusage-utime", "0.000000"),
                ("rusage-stime", "0.000000"), ("draining", "false"), ("max-job-size", "\(largestBody)"),
                ("job-timeouts", "\(jobs.reduce(0) { $0 + $1.timeouts })"),
                ("current-tubes", "\(Set(jobs.map(\.tube)).count)"), ("current-connections", "0"),
                ("current-producers", "0"), ("current-workers", "0"), ("current-waiting", "0"),
                ("total-connections", "0"), ("binlog-oldest-index", "0"), ("binlog-current-index", "0"),
                ("binlog-max-size", "0"), ("binlog-records-written", "0"), ("binlog-records-migrated", "0"),
            ] + counts(of: jobs))
    }

    func statistics(of job: StoredJob) -> ByteBuffer {
        let left =
            switch job.state {
            case .delayed(let until), .reserved(_, let until): Self.seconds(until - now)
            case .ready, .buried: Int64(0)
            }
        return text([
            ("id", "\(job.id)"), ("tube", job.tube), ("state", job.state.name), ("pri", "\(job.priority)"),
            ("age", "\(Self.seconds(now - job.putAt))"), ("delay", "\(job.delay)"), ("ttr", "\(job.timeToRun)"),
            ("time-left", "\(left)"), ("file", "0"), ("reserves", "\(job.reserves)"), ("timeouts", "\(job.timeouts)"),
            ("releases", "\(job.releases)"), ("buries", "\(job.buries)"), ("kicks", "\(job.kicks)"),
        ])
    }

    /// - Returns: nil where there is no such tube.
    func statistics(ofTube name: String) -> ByteBuffer? {
        let jobs = allJobs.filter { $0.tube == name }
        guard !jobs.isEmpty else { return nil }
        return text(
            [
                ("name", name), ("current-using", "0"), ("current-watching", "0"), ("current-waiting", "0"),
                ("cmd-delete", "0"), ("cmd-pause-tube", "0"), ("pause", "0"), ("pause-time-left", "0"),
            ] + counts(of: jobs))
    }

    private func counts(of jobs: [StoredJob]) -> [(String, String)] {
        let states = Dictionary(grouping: jobs, by: \.state.name).mapValues(\.count)
        let urgent = jobs.count { $0.state.name == "ready" && $0.priority < 1024 }
        return [("current-jobs-urgent", "\(urgent)"), ("total-jobs", "\(jobs.count)")]
            + ["ready", "reserved", "delayed", "buried"].map { ("current-jobs-\($0)", "\(states[$0] ?? 0)") }
    }

    private func text(_ values: [(String, String)]) -> ByteBuffer {
        ByteBuffer(string: "---\n" + values.map { "\($0): \($1)\n" }.joined())
    }

    private static func seconds(_ amount: TimeAmount) -> Int64 { max(0, amount.nanoseconds / 1_000_000_000) }
}
