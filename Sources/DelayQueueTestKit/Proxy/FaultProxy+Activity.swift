extension FaultProxy {
    /// What a proxy has seen since it was started.
    public struct Activity: Hashable, Sendable {
        /// Connections accepted from clients, including those refused by ``Fault/refuse``.
        public internal(set) var acceptedConnections = 0

        /// Connections closed at once because of ``Fault/refuse``.
        public internal(set) var refusedConnections = 0

        /// Clients' connections that are open now.
        public internal(set) var openConnections = 0

        private var seen = [Fault.Direction: Int]()
        private var forwarded = [Fault.Direction: Int]()

        /// Bytes that arrived at the proxy on their way in this direction, held or not.
        public func bytesSeen(_ direction: Fault.Direction) -> Int {
            seen[direction, default: 0]
        }

        /// Bytes that were sent on in this direction.
        public func bytesForwarded(_ direction: Fault.Direction) -> Int {
            forwarded[direction, default: 0]
        }

        mutating func sees(_ count: Int, _ direction: Fault.Direction) {
            seen[direction, default: 0] += count
        }

        mutating func forwards(_ count: Int, _ direction: Fault.Direction) {
            forwarded[direction, default: 0] += count
        }
    }
}
