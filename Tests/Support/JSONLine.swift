import Foundation

/// One JSON object of a program's output.
package struct JSONLine {
    package let members: [String: Any]

    package init(_ line: String) throws {
        guard let members = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
            throw Missing(what: "an object in \(line)")
        }
        self.members = members
    }

    /// What a test wanted of a line and did not find.
    package struct Missing: Error {
        var what: String
    }

    package var keys: Set<String> { Set(members.keys) }

    package func text(_ name: String) throws -> String { try member(name) }

    package func number(_ name: String) throws -> Double { try (member(name) as NSNumber).doubleValue }

    package func objects(_ name: String) throws -> [[String: Any]] { try member(name) }

    private func member<Value>(_ name: String) throws -> Value {
        guard let value = members[name] as? Value else { throw Missing(what: "\(Value.self) \(name) in \(members)") }
        return value
    }
}
