#if !Sealing
    import Beanstalk
    import NIOCore

    // Without the trait `Sealing` there are no keys, and nobody can have a value of these types: what asks for a key
    // ring finds none, and whatever is done with one cannot happen. Sealed records are still told from others, and
    // buried.

    package struct KeyRing: Sendable {
        private init() {}
    }

    package enum UnsealedJobPolicy: Hashable, Sendable {
        case refuse, accept
    }

    extension ProducerConfiguration {
        var keyRing: KeyRing? { nil }
    }

    extension JobQueueConfiguration {
        var keyRing: KeyRing? { nil }
        var unsealedJobs: UnsealedJobPolicy { .refuse }
    }

    extension ConsumerConfiguration {
        var keyRing: KeyRing? { nil }
        var unsealedJobs: UnsealedJobPolicy { .refuse }
    }

    extension SealedEnvelope {
        func open(with keyRing: KeyRing, queue: TubeName) -> Result<Envelope, SealProblem> { .failure(.noKeys) }
    }

    extension EnvelopeTemplate {
        struct Sealing: Sendable {
            let size = 0

            private init() {}

            func write(sealing line: UnsafeRawBufferPointer, to rest: inout LineWriter) {}
        }

        init(
            id: JobID, fireTime: Timestamp, edition: JobEdition?, timeToRun: UInt32, priority: UInt32,
            headers: JobHeaders, body: ByteBuffer, sealedWith keyRing: KeyRing, queue: TubeName
        ) throws(DelayQueueError) {
            throw DelayQueueError(.invalidBody, "this program was built without the trait Sealing")
        }
    }
#endif
