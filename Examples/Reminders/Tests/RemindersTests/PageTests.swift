import DelayQueueTestKit
import Foundation
import Testing

@testable import Reminders

/// The page, in a browser, with real servers.
@Suite(.timeLimit(.minutes(2)), .enabled(if: BrowserPage.isThere, "Homebrew has no chromium-headless-shell"))
struct PageTests {
    /// Asks for a reminder as somebody does who types, and waits until the page shows what the list says.
    private static let helpers = """
        const byId = (id) => document.getElementById(id);
        const rows = (list, text) => [...byId(list).children].filter((row) => row.querySelector("span").textContent === text);
        const shown = (condition) => new Promise((done) => {
          const observer = new MutationObserver(() => { if (condition()) { observer.disconnect(); done(); } });
          observer.observe(document.body, { childList: true, subtree: true, characterData: true });
          if (condition()) { observer.disconnect(); done(); }
        });
        const remind = (text, seconds) => {
          byId("text").value = text;
          byId("seconds").value = seconds;
          byId("form").querySelector("button").click();
        };
        """

    @Test func aReminderFiresAnotherIsRevokedAndMarkupIsShownAsText() async throws {
        try await withLocalCluster { cluster in
            try await RemindersService(testing: cluster, "page").running { address in
                try await BrowserPage.opening(address) { page in
                    try await page.evaluate(
                        """
                        \(Self.helpers)
                        remind("tea", 1);
                        await shown(() => rows("waiting", "tea").length === 1);
                        await shown(() => rows("fired", "tea").length === 1 && rows("waiting", "tea").length === 0);
                        """)
                    try await page.evaluate(
                        """
                        \(Self.helpers)
                        remind("dentist", 3600);
                        await shown(() => rows("waiting", "dentist").length === 1);
                        rows("waiting", "dentist")[0].querySelector("button").click();
                        await shown(() => rows("waiting", "dentist").length === 0);
                        """)
                    let markup = "<script>window.isHacked = true</script><img src=x onerror='window.isHacked = true'>"
                    let state = try await page.evaluate(
                        """
                        \(Self.helpers)
                        remind(\(markup.debugDescription.replacing("</", with: "<\\/")), 3600);
                        await shown(() => byId("waiting").children.length === 1);
                        const row = byId("waiting").children[0];
                        return [row.querySelector("span").textContent, row.querySelectorAll("script, img").length, window.isHacked].join(" | ");
                        """)
                    #expect(state == "\(markup) | 0 | ")
                    #expect(try await page.evaluate("return document.getElementById('problem').textContent") == "")
                }
            }
        }
    }

    @Test func whatWasThereBeforeIsShown() async throws {
        try await withTestQueue { test in
            let planner = try Planner(testing: test.queue)
            _ = try await planner.create("rent", due: test.now + 86_400)
            let service = RemindersService(planner: planner, metrics: PrometheusMetrics())
            try await service.serving { address in
                try await BrowserPage.opening(address) { page in
                    try await page.evaluate(
                        "\(Self.helpers) await shown(() => rows(\"waiting\", \"rent\").length === 1);")
                }
            }
        }
    }

    @Test func whatIsWrongIsShown() async throws {
        try await withTestQueue { test in
            let service = RemindersService(planner: try Planner(testing: test.queue), metrics: PrometheusMetrics())
            try await service.serving { address in
                try await BrowserPage.opening(address) { page in
                    let problem = try await page.evaluate(
                        """
                        \(Self.helpers)
                        remind("   ", 1);
                        await shown(() => byId("problem").textContent !== "");
                        return byId("problem").textContent;
                        """)
                    #expect(problem == "text has 0 characters; write 1 to 500")
                }
            }
        }
    }
}
