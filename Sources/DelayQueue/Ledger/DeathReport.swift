package import Beanstalk

/// What the ledger is told of a job that is given up, for whoever decides what becomes of it.
package struct DeathReport: Sendable, Hashable {
    /// The longest reason in bytes; the rest of a longer one is cut off.
    package static let maximumReasonLength = 500

    /// The most copies that are kept: those that were told of last.
    package static let maximumCopies = CopySet.maximumCount

    /// Why, in the words of the application.
    package var reason: String

    /// The consumer that gave it up, as its settings name it.
    package var consumer: String

    /// The job's queue, where its key does not name it.
    package var queue: TubeName?

    /// Where its copies lie, as far as is known.
    package var copies: [StoredCopy]

    package init(reason: String, consumer: String, queue: TubeName? = nil, copies: [StoredCopy] = []) {
        self.reason = Self.shortened(reason)
        self.consumer = Self.shortened(consumer)
        self.queue = queue
        self.copies = []
        add(copies)
    }

    /// Adds copies that are told of later. One that was told of before counts as told of last.
    package mutating func add(_ more: [StoredCopy]) {
        var told: Set<StoredCopy> = []
        let last = more.reversed().filter { told.insert($0).inserted }.reversed()
        copies = Array((copies.filter { !told.contains($0) } + last).suffix(Self.maximumCopies))
    }

    /// The beginning of a text, cut between Unicode scalars so that what remains is text.
    static func shortened(_ text: String) -> String {
        guard text.utf8.count > maximumReasonLength else { return text }
        var length = 0
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix { scalar in
                    length += UTF8.width(scalar)
                    return length <= maximumReasonLength
                }))
    }
}

// <queue or -> <consumer> <reason> <copies or ->
extension DeathReport {
    /// Four words without spaces in them; texts are percent-encoded.
    var words: [String] {
        [
            queue.map { PercentText.encode($0.rawValue) } ?? "-", Self.word(consumer), Self.word(reason),
            copies.isEmpty ? "-" : copies.map(\.description).joined(separator: ","),
        ]
    }

    /// Reads what `words` writes. A text that is not percent-encoded is taken as it stands; a queue or copy that cannot
    /// be read is left out.
    init?(parsing words: ArraySlice<String>) {
        guard words.count == 4, words.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(\.isVisibleASCII) })
        else { return nil }
        let words = Array(words)
        queue = PercentText.decode(words[0]).flatMap { words[0] == "-" ? nil : try? TubeName(validating: $0) }
        consumer = Self.text(words[1])
        reason = Self.text(words[2])
        copies = words[3].split(separator: ",").suffix(Self.maximumCopies).compactMap { StoredCopy(parsing: $0) }
    }

    static func word(_ text: String) -> String {
        text.isEmpty ? "%" : PercentText.encode(text)
    }

    static func text(_ word: String) -> String {
        word == "%" ? "" : PercentText.decode(word) ?? word
    }
}
