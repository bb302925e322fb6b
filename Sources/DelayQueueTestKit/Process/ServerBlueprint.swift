/// How one kind of server is started and recognised.
struct ServerBlueprint: Sendable {
    /// The server's usual name, which is part of its folder's name.
    var name: String
    /// A name to be searched for, or an absolute path.
    var executable: String
    /// How to get the executable.
    var installation: String
    /// The one port to use; any free one otherwise.
    var fixedPort: Int?
    var keepsFolder: Bool
    /// A file of the folder that only this user can read, and its contents.
    var secrets: (name: String, contents: String)?
    /// The command line for a port. The server runs in its folder: relative paths are in it.
    var arguments: @Sendable (_ port: Int) -> [String]
    /// The question that shows whether the server of this port, folder and process id answers, and not a stranger who
    /// took the port first.
    var probe: @Sendable (_ port: Int, _ folder: String, _ processID: Int32) throws -> ServerProbe
}
