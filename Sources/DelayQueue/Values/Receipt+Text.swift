import Beanstalk
import PipelinedTransport

// dqr1,<id>,<fireMicros>,<queue>,own|own:<edition>|same:<edition>|generated,native|goQueue,<copies>[,<placement>]...
// A placement is <index>@<address>@<tube>@<beanstalkd id or ?>@<server id or ?>. Texts are percent-encoded.
extension Receipt: LosslessStringConvertible {
    private static let version = "dqr1"

    public var description: String {
        var text = """
            \(Self.version),\(PercentText.encode(jobID.description)),\(fireTime.microseconds),\
            \(PercentText.encode(queue.rawValue)),\(idKind),\(format),\(copies)
            """
        for placement in placements {
            text += ",\(placement.index)@\(PercentText.encode(placement.node.address.description))"
            text += "@\(PercentText.encode(placement.node.tube.rawValue))"
            text += "@\(placement.id?.description ?? "?")@\(placement.serverID?.description ?? "?")"
        }
        return text
    }

    private var idKind: String {
        guard hasOwnID else { return "generated" }
        return edition.map { "\(wasScheduledBefore ? "same" : "own"):\($0)" } ?? "own"
    }

    public init?(_ description: String) {
        guard let receipt = try? Receipt(parsing: description) else { return nil }
        self = receipt
    }

    /// Reads a receipt's text form.
    ///
    /// - Throws: `malformedReceipt`.
    public init(parsing text: String) throws(DelayQueueError) {
        let fields = text.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count >= 7, fields[0] == Self.version else {
            throw .malformed("it does not begin with \(Self.version) and six fields")
        }
        guard let id = PercentText.decode(fields[1]).flatMap({ try? JobID($0) }) else {
            throw .malformed("the job id is invalid")
        }
        guard let micros = Int64(decimal: fields[2].utf8) else { throw .malformed("the fire date is no number") }
        guard let queue = PercentText.decode(fields[3]).flatMap({ try? TubeName(validating: $0) }) else {
            throw .malformed("the queue's name is invalid")
        }
        let hasOwnID = fields[4] != "generated"
        var edition: JobEdition?
        let wasScheduledBefore = fields[4].hasPrefix("same:")
        if wasScheduledBefore || fields[4].hasPrefix("own:") {
            edition = JobEdition(String(fields[4].drop { $0 != ":" }.dropFirst()))
            guard edition != nil else { throw .malformed("the id's edition is not 16 hexadecimal digits") }
        } else if hasOwnID, fields[4] != "own" {
            throw .malformed("the id is neither own nor generated")
        }
        guard let format = RecordFormat.Value(rawValue: String(fields[5])) else {
            throw .malformed("the record format is unknown")
        }
        guard let copies = Int(decimal: fields[6].utf8), copies <= CopySet.maximumCount else {
            throw .malformed("the number of copies is invalid")
        }
        var placements: [Placement] = []
        for field in fields[7...] {
            guard let placement = Placement(parsing: field) else {
                throw .malformed("a copy's place is invalid: \(String(field).debugDescription)")
            }
            placements.append(placement)
        }
        self.init(
            jobID: id, fireTime: Timestamp(microseconds: micros), queue: queue, hasOwnID: hasOwnID, edition: edition,
            wasScheduledBefore: wasScheduledBefore,
            format: RecordFormat(value: format), copies: copies, placements: placements)
    }
}

extension Receipt.Placement {
    fileprivate init?(parsing field: Substring) {
        let parts = field.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 5, let index = Int(decimal: parts[0].utf8), index < CopySet.maximumCount,
            let address = PercentText.decode(parts[1]).flatMap({ ServerAddress(parsing: $0) }),
            let tube = PercentText.decode(parts[2]).flatMap({ try? TubeName(validating: $0) })
        else { return nil }
        var id: BeanstalkJobID?
        if parts[3] != "?" {
            guard let number = UInt64(decimal: parts[3].utf8) else { return nil }
            id = BeanstalkJobID(number)
        }
        var serverID: ServerID?
        if parts[4] != "?" {
            guard let known = ServerID(String(parts[4])) else { return nil }
            serverID = known
        }
        self.init(node: BeanstalkNode(address: address, tube: tube), index: index, id: id, serverID: serverID)
    }
}

extension DelayQueueError {
    fileprivate static func malformed(_ problem: String) -> DelayQueueError {
        DelayQueueError(.malformedReceipt, "this is no receipt: \(problem)")
    }
}

extension Receipt: Codable {
    public init(from decoder: any Decoder) throws {
        self = try Receipt(parsing: decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
