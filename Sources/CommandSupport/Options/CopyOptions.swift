import ArgumentParser
package import DelayQueue

/// How the copies of jobs are written: an option of commands that schedule, and its environment variable.
package struct CopyOptions: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "Have all copies of a job ready at its date, instead of one at the date and the others 2 seconds later.",
            discussion: """
                Then no job is late when a node dies; but consumers fetch every copy, and to consume a job takes nodes \
                half as many commands again. DQ_COPIES_TOGETHER=1 in the environment stands in for it.
                """))
    package var copiesTogether = false

    package init() {}

    /// - Throws: `ValidationError`, where the variable says neither yes nor no.
    package func mode() throws -> CopyMode {
        try Variable.flag(copiesTogether, variable: "DQ_COPIES_TOGETHER") ? .together : .standby
    }

    /// - Throws: `ValidationError`.
    package func validate() throws { _ = try mode() }
}
