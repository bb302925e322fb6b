/// The two tubes that a queue has on each node.
package enum CopyTube: Hashable, Sendable, CaseIterable {
    /// For copies that are ready at their date: leads, and all copies of jobs that have none.
    case main
    case standby
}
