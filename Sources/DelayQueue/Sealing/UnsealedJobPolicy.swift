#if Sealing
    /// What a consumer with keys does with a job that is not sealed.
    public struct UnsealedJobPolicy: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case refuse, accept
        }

        private let value: Value

        /// Each of its copies is buried, counted and logged, and never run.
        public static let refuse = UnsealedJobPolicy(value: .refuse)

        /// It runs, as it would without keys; for the time in which jobs written without keys are still waiting.
        ///
        /// Whoever can write to a node can make jobs run until this ends. What is sealed must verify all the same.
        public static let accept = UnsealedJobPolicy(value: .accept)

        public var description: String { value.rawValue }
    }
#endif
