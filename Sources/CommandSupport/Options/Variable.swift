import ArgumentParser
import Foundation

/// Environment variables that stand in for options.
enum Variable {
    /// An option counts before its variable.
    ///
    /// - Throws: `ValidationError` for a variable that is empty: it is a secret that was not deployed, perhaps, and what
    ///   it should protect must not go unprotected unnoticed.
    static func value(
        _ option: String?, option name: String, variable: String
    ) throws -> (value: String, source: String)? {
        if let option { return (option, name) }
        guard let value = ProcessInfo.processInfo.environment[variable] else { return nil }
        guard !value.isEmpty else { throw ValidationError("\(variable) is empty: give it a value, or unset it.") }
        return (value, variable)
    }

    /// - Throws: `ValidationError`, where the variable says neither yes nor no.
    static func flag(_ option: Bool, variable: String) throws -> Bool {
        if option { return true }
        guard let (value, source) = try value(nil, option: "", variable: variable) else { return false }
        switch value {
        case "1": return true
        case "0": return false
        default: throw ValidationError("\(source): \(value.debugDescription) is neither 1 nor 0")
        }
    }
}
