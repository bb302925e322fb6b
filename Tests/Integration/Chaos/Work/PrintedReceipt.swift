/// A receipt as `dq … --json` prints it.
struct PrintedReceipt: Sendable {
    let text: String
    let id: String
    let fireDate: Instant

    /// - Returns: nil where the line is none, or cut off.
    init?(line: some StringProtocol) {
        guard let object = JSONText.object(line), let text = object["receipt"] as? String,
            let id = object["id"] as? String,
            let fireDate = (object["fireDate"] as? String).flatMap(Instant.init(iso8601:))
        else { return nil }
        self.text = text
        self.id = id
        self.fireDate = fireDate
    }

    static func all(in output: String) -> [PrintedReceipt] {
        output.split(separator: "\n").compactMap { PrintedReceipt(line: $0) }
    }
}
