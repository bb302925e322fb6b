import Foundation
import Subprocess
import Testing

/// A page in a headless Chromium, spoken to by the DevTools protocol: JSON with a zero byte behind each, over pipes.
final class BrowserPage {
    /// On Linux it has to be: `./dev examples` installs it.
    static var isThere: Bool {
        #if os(Linux)
            true
        #else
            false
        #endif
    }

    struct Problem: Error { let text: String }

    private typealias Message = [String: Any]

    private let write: ([UInt8]) async throws -> Void
    private var output: SubprocessOutputSequence.AsyncIterator
    private var unread: [UInt8] = []
    private var events: [String] = []
    private var calls = 0
    private var session: String?

    private init(
        _ output: SubprocessOutputSequence.AsyncIterator, write: @escaping ([UInt8]) async throws -> Void
    ) {
        self.output = output
        self.write = write
    }

    /// Runs a browser for the duration of `body`; it ends as its input does.
    static func opening(_ address: String, _ body: (BrowserPage) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("reminders-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        // Its descriptors 3 and 4 are what it is spoken to by; the standard ones are what Subprocess gives.
        let command = """
            browser=$(command -v chromium-headless-shell || command -v google-chrome || command -v chromium)
            exec "$browser" --headless --no-sandbox --disable-gpu --remote-debugging-pipe --user-data-dir="$0" \
            about:blank 3<&0 4>&1 </dev/null >/dev/null
            """
        _ = try await run(
            .name("sh"), arguments: ["-c", command, folder.path], input: .inputWriter, output: .sequence,
            error: .discarded
        ) { execution in
            let input = execution.standardInputWriter
            let page = BrowserPage(execution.standardOutput.makeAsyncIterator()) { _ = try await input.write($0) }
            try await page.navigate(to: address)
            try await body(page)
            try await input.finish()
        }
    }

    private func navigate(to address: String) async throws {
        let target = try await call("Target.createTarget", ["url": "about:blank"])["targetId"]
        session =
            try await call("Target.attachToTarget", ["targetId": target ?? "", "flatten": true])["sessionId"] as? String
        _ = try await call("Page.enable")
        _ = try await call("Page.navigate", ["url": address])
        while !events.contains("Page.loadEventFired") { _ = try await next() }
    }

    /// Runs a script in the page, and waits for what it promises.
    ///
    /// - Returns: what it returns, as text.
    @discardableResult
    func evaluate(_ script: String) async throws -> String {
        let answer = try await call(
            "Runtime.evaluate",
            ["expression": "(async () => { \(script) })()", "awaitPromise": true, "returnByValue": true])
        if let problem = answer["exceptionDetails"] { throw Problem(text: "\(problem)") }
        return ((answer["result"] as? Message)?["value"]).map { "\($0)" } ?? ""
    }

    private func call(_ method: String, _ parameters: Message = [:]) async throws -> Message {
        calls += 1
        var request: Message = ["id": calls, "method": method, "params": parameters]
        request["sessionId"] = session
        try await write(JSONSerialization.data(withJSONObject: request) + [0])
        while true {
            let message = try await next()
            guard message["id"] as? Int == calls else { continue }
            if let problem = message["error"] { throw Problem(text: "\(method): \(problem)") }
            return message["result"] as? Message ?? [:]
        }
    }

    private func next() async throws -> Message {
        while true {
            if let end = unread.firstIndex(of: 0) {
                let message = try JSONSerialization.jsonObject(with: Data(unread[..<end])) as? Message ?? [:]
                unread.removeSubrange(...end)
                if let event = message["method"] as? String { events.append(event) }
                return message
            }
            guard let part = try await output.next() else { throw Problem(text: "the browser has ended") }
            unread += part.withUnsafeBytes { Array($0) }
        }
    }
}
