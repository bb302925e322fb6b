/// How a beanstalkd for tests is started.
public struct BeanstalkdOptions: Sendable {
    /// The port to listen on; any free one by default.
    public var port: Int?

    /// The largest job, in bytes (`-z`); beanstalkd's default is 65,535.
    public var maxJobSize: Int?

    /// The size of one binlog file, in bytes (`-s`); beanstalkd's default is 10 MiB. Only with a binlog.
    public var binlogFileSize: Int?

    /// How often the binlog is synced to the disk, zero for every write (`-f`); beanstalkd's default is 50 ms.
    /// Only with a binlog. A killed process loses nothing either way: only a machine without power does.
    public var binlogSyncInterval: Duration?

    /// Whether the server writes every command to its output (`-VVV`).
    public var isVerbose = false

    /// Further arguments, added last.
    public var extraArguments: [String] = []

    /// The program: a name to be searched for, or an absolute path.
    public var executable = "beanstalkd"

    /// Whether `stop()` leaves the folder with the binlog and the server's output, for inspection.
    public var keepsFolder = false

    public init() {}

    func arguments(port: Int, binlog: Bool) -> [String] {
        var arguments = ["-l", "127.0.0.1", "-p", "\(port)"]
        if let maxJobSize { arguments += ["-z", "\(maxJobSize)"] }
        // Relative to the folder the server runs in.
        if binlog { arguments += ["-b", "."] }
        if let binlogFileSize { arguments += ["-s", "\(binlogFileSize)"] }
        if let binlogSyncInterval { arguments += ["-f", "\(Int(binlogSyncInterval / .milliseconds(1)))"] }
        if isVerbose { arguments.append("-VVV") }
        return arguments + extraArguments
    }
}
