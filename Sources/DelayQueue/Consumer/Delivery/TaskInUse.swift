/// A task that is looked at, or cancelled, from elsewhere, for as long as it runs.
///
/// `@unchecked`: any thread may ask whether it is cancelled, and cancel it, while it exists, and nothing else is done.
package struct TaskInUse: @unchecked Sendable {
    private let task: UnsafeCurrentTask?

    /// - Parameter task: must outlive the value's use.
    package init(_ task: UnsafeCurrentTask?) {
        self.task = task
    }

    package var isCancelled: Bool { task?.isCancelled ?? false }

    package func cancel() { task?.cancel() }
}
