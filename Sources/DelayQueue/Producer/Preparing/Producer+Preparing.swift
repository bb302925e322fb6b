import NIOCore

extension Producer {
    /// What became of some requests of a batch; positions are those in the batch.
    struct PreparedSlice: Sendable {
        var jobs: [PreparedJob] = []
        var positions: [Int] = []
        var errors: [(position: Int, error: DelayQueueError)] = []
    }

    /// Prepares as many requests as are written in one go, and at least one.
    func prepare(takingFrom requests: inout ArraySlice<JobRequest>) -> PreparedSlice {
        let count = min(requests.count, WriteSize.mostJobs)
        var slice = PreparedSlice()
        slice.jobs.reserveCapacity(count)
        slice.positions.reserveCapacity(count)
        let now = engine.time
        var size = WriteSize()
        var position = requests.startIndex
        while position < requests.endIndex, !size.isFull {
            do throws(DelayQueueError) {
                let job = try prepare(requests[position], now: now)
                size.add(recordSize: job.recordSize)
                slice.jobs.append(job)
                slice.positions.append(position)
            } catch {
                // A bad request counts as well, so that no call prepares without end.
                size.add(recordSize: 0)
                slice.errors.append((position, error))
            }
            position += 1
        }
        requests = requests[position...]
        return slice
    }

    /// Validates a request and builds what is written; nothing is sent for a bad one.
    func prepare(_ request: JobRequest, now: Timestamp) throws(DelayQueueError) -> PreparedJob {
        let job = try encode(request, now: now)
        let overhead = job.overhead(copies: configuration.copies, namesStandbys: job.isNative)
        guard job.bodySize + overhead <= configuration.maximumRecordSize else {
            if !request.options.traceHeaders.isEmpty {
                // A trace keeps no job from being scheduled.
                var request = request
                request.options.traceHeaders = [:]
                return try prepare(request, now: now)
            }
            let rest = max(0, configuration.maximumRecordSize - overhead)
            throw DelayQueueError(
                .bodyTooLarge,
                "body is \(job.bodySize) bytes; with maximumRecordSize at \(configuration.maximumRecordSize), which consumers "
                    + "must have as well, it can be at most \(rest) bytes; store it elsewhere, or raise that")
        }
        return job
    }

    private func encode(_ request: JobRequest, now: Timestamp) throws(DelayQueueError) -> PreparedJob {
        let options = request.options
        try options.validate()
        let fireTime = try fireTime(of: request, now: now)
        _ = try PutDelay.seconds(until: fireTime, now: now)

        let body = try body(of: request)

        if options.format == .goQueue {
            guard configuration.keyRing == nil else {
                throw DelayQueueError(
                    .invalidOption,
                    "a record in go-queue's format cannot be sealed, and this producer has a key ring; use the native "
                        + "format, or a producer without keys")
            }
            let bytes = GoQueueRecord.encode(fireTime: fireTime, body: body)
            return PreparedJob(
                id: GoQueueRecord.id(of: bytes), isOwnID: false, fireTime: fireTime,
                timeToRun: GoQueueRecord.timeToRun, priority: GoQueueRecord.priority,
                bodySize: body.readableBytes, record: .goQueue(bytes, wait: now.duration(to: fireTime)))
        }

        let headers = try options.resolvedHeaders(bodyContentType: request.body.defaultContentType)
        let id = options.id ?? JobID.random()
        let timeToRun = options.timeToRunSeconds
        guard options.idConflict == .refuse || engine.hasLedger else {
            throw DelayQueueError(
                .invalidOption, "idConflict is replace, and this producer has no ledger to find the job to replace in")
        }
        let registration =
            options.id != nil && engine.hasLedger
            ? PreparedJob.Registration(
                JobContent(date: fireTime, time: request.time, headers: headers, body: body),
                isReplacing: options.idConflict == .replace)
            : nil
        let written = options.withTrace(headers)
        let priority = DuePriority.encode(fireTime: fireTime, priority: options.priority)
        let template =
            if let keyRing = configuration.keyRing {
                try EnvelopeTemplate(
                    id: id, fireTime: fireTime, edition: registration?.edition, timeToRun: timeToRun,
                    priority: priority, headers: written, body: body, sealedWith: keyRing, queue: queue)
            } else {
                EnvelopeTemplate(
                    id: id, fireTime: fireTime, edition: registration?.edition, timeToRun: timeToRun,
                    priority: priority, headers: written, body: body)
            }
        return PreparedJob(
            id: id, isOwnID: options.id != nil, registration: registration, fireTime: fireTime, timeToRun: timeToRun,
            priority: priority,
            bodySize: body.readableBytes, record: .native(template))
    }

    private func body(of request: JobRequest) throws(DelayQueueError) -> ByteBuffer {
        var body = ByteBuffer()
        if let bytes = request.body as? ByteBuffer {
            // These bytes need no buffer of their own, as they are copied into the envelope.
            body = bytes
        } else {
            do {
                try request.body.write(into: &body)
            } catch let error as DelayQueueError {
                throw error
            } catch {
                throw DelayQueueError(.invalidBody, "body could not be encoded: \(error)", underlying: error)
            }
        }
        // More than a record may have is not encoded, copied or sealed first.
        guard body.readableBytes <= configuration.maximumRecordSize else {
            throw DelayQueueError(
                .bodyTooLarge,
                "body is \(body.readableBytes) bytes, and the whole record may be \(configuration.maximumRecordSize) "
                    + "(maximumRecordSize, which consumers must have as well); store it elsewhere, or raise that")
        }
        return body
    }

    private func fireTime(of request: JobRequest, now: Timestamp) throws(DelayQueueError) -> Timestamp {
        let fireTime: Timestamp
        switch request.time {
        case .at(let date): fireTime = try Timestamp(date)
        case .delay(let duration): fireTime = now + duration
        }
        if fireTime >= now { return fireTime }
        if request.options.pastDates == .runImmediately { return now }
        throw DelayQueueError(
            .dateInPast,
            "date is \(fireTime.duration(to: now)) in the past; give a later one, or set pastDates to .runImmediately")
    }
}
