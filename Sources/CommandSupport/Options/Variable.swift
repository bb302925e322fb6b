import Foundation

/// Environment variables that stand in for options.
enum Variable {
    /// An option counts before its variable. A variable that is empty is one that is not set; an empty option is a
    /// mistake, such as an unset shell variable.
    static func value(
        _ option: String?, option name: String, variable: String
    ) -> (value: String, source: String)? {
        if let option { return (option, name) }
        guard let value = ProcessInfo.processInfo.environment[variable], !value.isEmpty else { return nil }
        return (value, variable)
    }
}
