/// A server of a round.
enum Server: Hashable, Codable {
    case node(Int)
    case ledger
}

/// A place in which one process after the other runs.
enum Slot: Hashable, Codable {
    case consumer(Int)
    case producer(Int)
    case revoker
}

/// What a fault is done to.
enum Target: Hashable, Codable {
    case server(Server)
    case process(Slot)
    /// What the processes of a place take for the time.
    case clock(Slot)
    /// The connections of one slot's processes to one server.
    case link(Slot, Server)
}

extension Server: CustomStringConvertible {
    var description: String {
        switch self {
        case .node(let index): "node\(index)"
        case .ledger: "ledger"
        }
    }
}

extension Slot: CustomStringConvertible {
    /// Also the name of the slot's files.
    var description: String {
        switch self {
        case .consumer(let index): "consumer\(index)"
        case .producer(let index): "producer\(index)"
        case .revoker: "revoker"
        }
    }
}

extension Target: CustomStringConvertible {
    var description: String {
        switch self {
        case .server(let server): "\(server)"
        case .process(let slot): "\(slot)"
        case .clock(let slot): "\(slot)-clock"
        case .link(let slot, let server): "\(slot)-\(server)"
        }
    }
}
