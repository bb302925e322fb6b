import Foundation

enum BrokenPipe {
    /// Calls a closure once the reader of standard output has gone.
    ///
    /// A write would tell, but a command that waits for jobs may not write for hours. The thread ends with the process:
    /// the system offers no wait for this that could be taken back.
    static func whenReaderIsGone(_ notify: @escaping @Sendable () -> Void) {
        var information = stat()
        guard fstat(STDOUT_FILENO, &information) == 0, isPipeOrSocket(information.st_mode) else { return }
        let thread = Thread {
            while true {
                // No events are asked for: errors are always reported.
                var descriptor = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
                let count = poll(&descriptor, 1, -1)
                if count > 0 { break }
                guard count < 0, errno == EINTR || errno == EAGAIN else { return }
            }
            notify()
        }
        thread.start()
    }

    private static func isPipeOrSocket(_ mode: mode_t) -> Bool {
        mode & S_IFMT == S_IFIFO || mode & S_IFMT == S_IFSOCK
    }
}
