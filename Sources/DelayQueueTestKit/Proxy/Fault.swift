/// What a ``FaultProxy`` does to the bytes and connections that pass through it.
public struct Fault: Hashable, Sendable {
    /// The ways bytes go. An enum, as a connection has these two.
    public enum Direction: Hashable, Sendable, CaseIterable {
        case toServer
        case toClient
    }

    /// One way or both.
    public struct Directions: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8

        public static let toServer = Directions(rawValue: 1)
        public static let toClient = Directions(rawValue: 2)
        public static let both: Directions = [.toServer, .toClient]

        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        func includes(_ direction: Direction) -> Bool {
            switch direction {
            case .toServer: contains(.toServer)
            case .toClient: contains(.toClient)
            }
        }
    }

    enum Kind: Hashable, Sendable {
        case none, refuse, splitBytes
        case stall(Directions)
        case delay(Duration)
    }

    let kind: Kind

    /// Everything passes.
    public static let none = Fault(kind: .none)

    /// Bytes and the ends of streams are held, and delivered in order once another fault allows it. The connections
    /// stay open, as behind a network that loses every packet, but the sender is never made to wait: what is held is
    /// kept in memory.
    public static func stall(_ directions: Directions = .both) -> Fault {
        Fault(kind: .stall(directions))
    }

    /// Everything passes this much later, in both directions and in order.
    public static func delay(_ duration: Duration) -> Fault {
        Fault(kind: .delay(duration))
    }

    /// Every byte is sent by itself, 50 µs after the one before it: a receiver that reads as bytes arrive sees them
    /// singly or, when it is slow, in small pieces.
    public static let splitBytes = Fault(kind: .splitBytes)

    /// New connections are accepted and closed at once, and existing ones are reset.
    public static let refuse = Fault(kind: .refuse)
}
