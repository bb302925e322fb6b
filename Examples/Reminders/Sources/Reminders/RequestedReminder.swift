import Foundation
import Hummingbird

/// What the page sends to create a reminder.
struct RequestedReminder: Decodable {
    private let text: String
    /// In so many seconds.
    private let seconds: Double?
    private let date: Date?

    /// What is wrong with it is told, with how to mend it.
    func checked(now: Date) throws(HTTPError) -> (text: String, due: Date) {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard (1...500).contains(text.count) else {
            throw HTTPError(.badRequest, message: "text has \(text.count) characters; write 1 to 500")
        }
        guard let due = date ?? seconds.map({ now.addingTimeInterval($0) }) else {
            throw HTTPError(.badRequest, message: "the time is missing; give seconds or date")
        }
        let year: TimeInterval = 366 * 86_400
        guard due >= now.addingTimeInterval(-1), due <= now.addingTimeInterval(10 * year) else {
            throw HTTPError(
                .badRequest, message: "\(date == nil ? "seconds" : "date") is past, or more than ten years away")
        }
        return (text, due)
    }
}
