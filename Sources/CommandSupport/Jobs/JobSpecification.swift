package import DelayQueue
package import Foundation
package import NIOCore

/// One line of a file of jobs: `{"at"|"in", "body"|"bodyBase64", "id"?, "replace"?, "headers"?}`.
package struct JobSpecification {
    package enum Time: Hashable {
        case at(Timestamp)
        case after(Duration)
    }

    package var time: Time
    package var body: ByteBuffer
    package var id: JobID?
    /// Nil where the line says nothing about it.
    package var isReplacing: Bool?
    package var headers = JobHeaders()

    package init(time: Time, body: ByteBuffer, id: JobID? = nil) {
        self.time = time
        self.body = body
        self.id = id
    }

    /// - Parameter defaults: the options the line says nothing about.
    func request(_ defaults: JobOptions) -> JobRequest {
        var options = defaults
        options.id = id
        if let isReplacing { options.idConflict = isReplacing ? .replace : .refuse }
        if id == nil { options.idConflict = .refuse }
        options.headers = headers
        return switch time {
        case .at(let time): JobRequest(at: time.date, body, options: options)
        case .after(let duration): JobRequest(delay: duration, body, options: options)
        }
    }
}

extension JobSpecification: Decodable {
    /// - Parameter line: a JSON object.
    /// - Throws: `InvalidText`, naming what is wrong.
    package init(parsing line: Data) throws(InvalidText) {
        do {
            self = try JSONDecoder().decode(Self.self, from: line)
        } catch let error as InvalidText {
            throw error
        } catch DecodingError.typeMismatch {
            throw InvalidText("the line is not a JSON object")
        } catch {
            throw InvalidText("the line is not valid JSON")
        }
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        var time: Time?
        var body: ByteBuffer?
        for field in fields.allKeys {
            switch field.stringValue {
            case "at", "in":
                guard time == nil else { throw InvalidText("it has both at and in; one of them says when") }
                time = try fields.time(field)
            case "body", "bodyBase64":
                guard body == nil else { throw InvalidText("it has both body and bodyBase64; leave one out") }
                body = try fields.body(field)
            case "id":
                do {
                    id = try JobID(try fields.text(field))
                } catch let error as DelayQueueError {
                    throw InvalidText("id: \(error.message)")
                }
            case "replace":
                guard let value = try? fields.decode(Bool.self, forKey: field) else {
                    throw InvalidText("replace: it is neither true nor false")
                }
                isReplacing = value
            case "headers":
                guard let pairs = try? fields.decode([String: String].self, forKey: field) else {
                    throw InvalidText("headers: it is not an object of strings")
                }
                headers = JobHeaders(pairs.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
            default:
                throw InvalidText(
                    "\(field.stringValue.debugDescription) is no field of a job; the fields are at, in, body, "
                        + "bodyBase64, id, replace and headers")
            }
        }
        guard let time else { throw InvalidText("it does not say when: at or in is missing") }
        guard let body else { throw InvalidText("body is missing") }
        guard isReplacing != true || id != nil else {
            throw InvalidText("replace: there is no id that says which job to replace")
        }
        self.time = time
        self.body = body
    }

    fileprivate struct Field: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension KeyedDecodingContainer where Key == JobSpecification.Field {
    fileprivate func text(_ field: Key) throws -> String {
        guard let text = try? decode(String.self, forKey: field) else {
            throw InvalidText("\(field.stringValue): it is not a string")
        }
        return text
    }

    fileprivate func time(_ field: Key) throws -> JobSpecification.Time {
        let text = try text(field)
        do throws(InvalidText) {
            return field.stringValue == "at"
                ? .at(try DateText.parse(text)) : .after(try DurationText.parse(text))
        } catch {
            throw InvalidText("\(field.stringValue): \(error)")
        }
    }

    fileprivate func body(_ field: Key) throws -> ByteBuffer {
        let text = try text(field)
        guard field.stringValue == "bodyBase64" else { return ByteBuffer(string: text) }
        guard let bytes = Data(base64Encoded: text) else { throw InvalidText("bodyBase64: it is not base64") }
        return ByteBuffer(bytes: bytes)
    }
}
