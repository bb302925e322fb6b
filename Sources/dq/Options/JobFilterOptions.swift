import ArgumentParser
import CommandSupport
import DelayQueue
import Foundation

/// Which jobs are meant, by what they carry.
struct JobFilterOptions: ParsableArguments {
    @Option(
        name: .customLong("header"),
        help: ArgumentHelp("Jobs that have this header with just this value; may be repeated.", valueName: "name=value")
    )
    var headers: [String] = []

    @Option(help: ArgumentHelp("Jobs of this type, which is their header job-type.", valueName: "name"))
    var type: String?

    @Option(help: ArgumentHelp("Jobs whose body has this text in it.", valueName: "text"))
    var body: String?

    @Option(
        help: ArgumentHelp(
            "Jobs due from A on and before B; either may be missing.",
            discussion: "Each is a date (ISO 8601, or @ and unix seconds) or a duration from now: --due ..1h",
            valueName: "a..b"
        ))
    var due: String?

    /// Whether nothing is asked for.
    var isEmpty: Bool { headers.isEmpty && type == nil && body == nil && due == nil }

    /// - Throws: `ValidationError`.
    func filter() throws -> JobFilter {
        var filter = JobFilter()
        for header in headers {
            guard let equals = header.firstIndex(of: "="), equals > header.startIndex else {
                throw ValidationError("--header: \(header.debugDescription) is not name=value")
            }
            filter.headers[String(header[..<equals])] = String(header[header.index(after: equals)...])
        }
        if let type {
            guard filter.type == nil || filter.type == type else {
                throw ValidationError("--type and --header job-type ask for two different types; leave one out")
            }
            filter.type = type
        }
        if let body {
            guard !body.isEmpty else { throw ValidationError("--body is empty, and would fit every job; leave it out") }
            filter.body = body
        }
        if let due {
            guard let dots = due.range(of: "..") else {
                throw ValidationError("--due: \(due.debugDescription) is no range; write for example ..1h or 1h..2h")
            }
            filter.dueFrom = try TimeArgument.future(due[..<dots.lowerBound], option: "--due")
            filter.dueUntil = try TimeArgument.future(due[dots.upperBound...], option: "--due")
            if let from = filter.dueFrom, let until = filter.dueUntil, from >= until {
                throw ValidationError("--due: \(due.debugDescription) ends before it begins")
            }
        }
        return filter
    }
}
