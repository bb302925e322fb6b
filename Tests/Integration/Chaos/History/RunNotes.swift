import Foundation

/// Reads what consumers and the commands they ran have noted about runs.
enum RunNotes {
    /// Notes of commands, `<microseconds> <consumer> <job id> <attempt> <token> <event>` a line.
    static func ofCommands(_ text: String) -> [Run] {
        struct Key: Hashable {
            var process: String
            var id: String
            var attempt: Int
        }
        var runs: [Run] = []
        var positions: [Key: Int] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 6, let time = Int64(words[0]), let process = ProcessName(consumer: words[1]),
                let attempt = Int(words[3])
            else { continue }
            let key = Key(process: words[1], id: words[2], attempt: attempt)
            guard words[5] != "started" else {
                // A second start of one attempt is a run of its own, for the judge to see.
                positions[key] = runs.count
                runs.append(
                    Run(
                        id: words[2], token: words[4], attempt: attempt, process: process,
                        start: Instant(microseconds: time)))
                continue
            }
            guard let position = positions[key], let outcome = Run.Outcome(rawValue: words[5]) else { continue }
            runs[position].end = Instant(microseconds: time)
            runs[position].outcome = outcome
        }
        return runs
    }

    /// The lines a printing consumer has written, those of each process after its `# <process id>`.
    ///
    /// A printed job is one that ran: printing is all there is to it.
    static func ofPrinter(_ slot: Slot, _ text: String) -> [Run] {
        var runs: [Run] = []
        var process: ProcessName?
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# "), let id = Int32(line.dropFirst(2)) {
                process = ProcessName(slot: slot, id: id)
                continue
            }
            // A line that is cut off is one of a process that was killed while it wrote: it may have run.
            guard let process, let object = JSONText.object(line), let id = object["id"] as? String,
                let attempt = object["attempt"] as? Int, let body = object["body"] as? String,
                let time = (object["deliveredAt"] as? String).flatMap(Instant.init(iso8601:)),
                let token = body.split(separator: " ").first
            else { continue }
            runs.append(
                Run(
                    id: id, token: String(token), attempt: attempt, process: process, start: time, end: time,
                    outcome: .completed))
        }
        return runs
    }
}

/// JSON as `dq` prints it, an object a line.
enum JSONText {
    static func object(_ line: some StringProtocol) -> [String: Any]? {
        try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    }
}

extension ProcessName {
    /// Reads what commands note as their consumer: `consumer0/1234`.
    init?(consumer text: String) {
        let parts = text.split(separator: "/")
        guard parts.count == 2, parts[0].hasPrefix("consumer"), let index = Int(parts[0].dropFirst("consumer".count)),
            let id = Int32(parts[1])
        else { return nil }
        self.init(slot: .consumer(index), id: id)
    }
}
