import ArgumentParser
import DelayQueue

/// Why a command failed, for standard error; the exit code is 1.
package struct CommandError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

extension Error {
    /// The error as the command line shows it: what the user wrote wrong is wrong usage, the rest a failure.
    var forCommandLine: any Error {
        guard let error = self as? DelayQueueError else { return self }
        return error.isWrongUsage ? ValidationError(error.message) : CommandError(error.forPeople)
    }
}

extension DelayQueueError {
    fileprivate var isWrongUsage: Bool {
        [.invalidConfiguration, .invalidJobID, .invalidHeader, .invalidOption, .malformedReceipt].contains(code)
    }

    /// The description, with the command line's own words where a setting of programs is meant.
    var forPeople: String {
        guard code == .dateInPast else { return description }
        return "\(code): the date is past; give a later one, or --allow-past to run it at once"
    }
}
