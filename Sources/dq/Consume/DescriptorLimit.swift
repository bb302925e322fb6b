import CommandSupport
import Foundation

/// How many commands a process may run at once by the number of files it may have open.
///
/// A command takes a descriptor while it runs, and another one for its body while it is started. Without a free one its end
/// could be missed for ever, and with it its job.
enum DescriptorLimit {
    /// What the process itself has open, with connections that are being made again and a look at the nodes: 26 were
    /// counted, and one for each connection.
    private static func own(nodes: Int) -> Int { 40 + nodes * 4 }

    /// Allows as many open files as the system lets this process have.
    ///
    /// - Returns: the limit from now on, and the one before, which commands are to have.
    static func raise() -> (own: Int, commands: Int) {
        var limit = rlimit()
        #if canImport(Glibc)
            let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let files = RLIMIT_NOFILE
        #endif
        guard getrlimit(files, &limit) == 0 else { return (256, 256) }
        var raised = limit
        #if canImport(Darwin)
            raised.rlim_cur = min(limit.rlim_max, rlim_t(OPEN_MAX))
        #else
            raised.rlim_cur = limit.rlim_max
        #endif
        let isRaised = setrlimit(files, &raised) == 0
        let before = Int(clamping: limit.rlim_cur)
        return (isRaised ? Int(clamping: raised.rlim_cur) : before, before)
    }

    /// - Throws: `CommandError` where not even one command could run.
    static func commands(wanted: Int, nodes: Int, limit: Int) throws(CommandError) -> Int {
        let possible = (limit - own(nodes: nodes)) / 2
        guard possible > 0 else {
            throw CommandError(
                "this process may have \(limit) files open (ulimit -n), too few to run commands: "
                    + "\(own(nodes: nodes) + 2) are needed for one. No job was taken.")
        }
        return min(wanted, possible)
    }
}
