import DelayQueueJobs
import Foundation
import Testing

@Suite("Crontabs that are refused")
struct CrontabErrorTests {
    @Test(arguments: [
        ("0 24 * * *", 2, "field 2 (hour): 24 is not within 0…23"),
        ("60 * * * *", 1, "field 1 (minute): 60 is not within 0…59"),
        ("60 * * * * *", 1, "field 1 (second): 60 is not within 0…59"),
        ("0 0 24 * * *", 3, "field 3 (hour): 24 is not within 0…23"),
        ("0 0 0 * *", 3, "field 3 (day): 0 is not within 1…31"),
        ("0 0 32 * *", 3, "field 3 (day): 32 is not within 1…31"),
        ("0 0 * 0 *", 4, "field 4 (month): 0 is not within 1…12"),
        ("0 0 * 13 *", 4, "field 4 (month): 13 is not within 1…12"),
        ("0 0 * * 8", 5, "field 5 (weekday): 8 is not within 0…7"),
        ("0 0 * * 0-9", 5, "field 5 (weekday): 9 is not within 0…7"),
        ("0 0 * foo *", 4, "field 4 (month): \"foo\" is not understood: write 1…12 or jan…dec"),
        (
            "0 0 * * mo", 5,
            "field 5 (weekday): \"mo\" is not understood: write 0…6 from Sunday on, 7 for Sunday too, or sun…sat"
        ),
        (
            "0 0 * * jan", 5,
            "field 5 (weekday): \"jan\" is not understood: write 0…6 from Sunday on, 7 for Sunday too, or sun…sat"
        ),
        ("mon 0 * * *", 1, "field 1 (minute): \"mon\" is not understood: write 0…59"),
        ("+5 * * * *", 1, "field 1 (minute): \"+5\" is not understood: write 0…59"),
        ("٣ * * * *", 1, "field 1 (minute): \"\\u{0663}\" is not understood: write 0…59"),
        ("1.5 * * * *", 1, "field 1 (minute): \"1.5\" is not understood: write 0…59"),
        ("*5 * * * *", 1, "field 1 (minute): \"*5\" is not understood: write 0…59"),
        ("** * * * *", 1, "field 1 (minute): \"**\" is not understood: write 0…59"),
        ("0 0 LW * *", 3, "field 3 (day): \"LW\" is not understood: write 1…31, or L for the last day of the month"),
        ("0 0 L/2 * *", 3, "field 3 (day): \"L/2\" is not understood: write 1…31, or L for the last day of the month"),
        (
            "0 0 * * 5#2", 5,
            "field 5 (weekday): \"5#2\" is not understood: write 0…6 from Sunday on, 7 for Sunday too, or sun…sat"
        ),
        ("0 0 * * L", 5, "field 5 (weekday): L stands for the last day of the month, in field day only"),
        ("? 0 * * *", 1, "field 1 (minute): \"?\" stands for any day, in the fields of days only: write *"),
        ("0 0 ?,1 * *", 3, "field 3 (day): \"?\" stands alone, not in a list: \"?,1\""),
        ("*/0 * * * *", 1, "field 1 (minute): \"*/0\" has a step of 0 and never moves on: write a step of 1…59"),
        (
            "0 */24 * * *", 2,
            "field 2 (hour): \"*/24\" has a step that leaves the field at once: write a step of 1…23, or no step"
        ),
        (
            "0 0 * * */7", 5,
            "field 5 (weekday): \"*/7\" has a step that leaves the field at once: write a step of 1…6, or no step"
        ),
        ("*/ * * * *", 1, "field 1 (minute): \"*/\" has no number as its step: write a step of 1…59"),
        ("*/x * * * *", 1, "field 1 (minute): \"*/x\" has no number as its step: write a step of 1…59"),
        ("*/2/3 * * * *", 1, "field 1 (minute): \"*/2/3\" has two steps: write one, as in */15"),
        ("/5 * * * *", 1, "field 1 (minute): \"/5\" is not understood: write 0…59"),
        ("0 22-6 * * *", 2, "field 2 (hour): the range \"22-6\" runs backwards: write 22-23,0-6"),
        ("0 23-0 * * *", 2, "field 2 (hour): the range \"23-0\" runs backwards: write 23,0"),
        ("0 0 * nov-feb *", 4, "field 4 (month): the range \"nov-feb\" runs backwards: write 11-12,1-2"),
        ("0 0 * * sat-mon", 5, "field 5 (weekday): the range \"sat-mon\" runs backwards: write 6,0-1"),
        ("5- * * * *", 1, "field 1 (minute): \"5-\" is no range: write two of 0…59 with a hyphen between"),
        ("-5 * * * *", 1, "field 1 (minute): \"-5\" is no range: write two of 0…59 with a hyphen between"),
        ("1-2-3 * * * *", 1, "field 1 (minute): \"1-2-3\" is no range: write two of 0…59 with a hyphen between"),
        ("0 0 L-3 * *", 3, "field 3 (day): \"L-3\" is not understood: write 1…31, or L for the last day of the month"),
        ("1,,2 * * * *", 1, "field 1 (minute): \"1,,2\" has an empty item in its list: take the comma away"),
        ("0 1, * * *", 2, "field 2 (hour): \"1,\" has an empty item in its list: take the comma away"),
        ("0 , * * *", 2, "field 2 (hour): \",\" has an empty item in its list: take the comma away"),
        ("00005 * * * *", 1, "field 1 (minute): \"00005\" is too long for a number here: write 0…59"),
        (
            "99999999999999999999999999999999999999999999 * * * *", 1,
            "field 1 (minute): \"9999999999999999999999999999999999999999…\" is too long for a number here: write 0…59"
        ),
        ("*/99999 * * * *", 1, "field 1 (minute): \"99999\" is too long for a number here: write a step of 1…59"),
        ("0\u{7}\"\\ * * * *", 1, "field 1 (minute): \"0\\u{07}\\\"\\\\\" is not understood: write 0…59"),
    ])
    func `the message names the field and the mend`(_ text: String, _ field: Int, _ message: String) {
        #expect(throws: RecurrenceError(.invalidField, message, field: field)) { try Recurrence.crontab(text) }
    }

    @Test(arguments: [
        ("", "\"\" has 0: write * for each that is to be any"),
        (" \t\n", "\" \\t\\n\" has 0: write * for each that is to be any"),
        ("0 9 * *", "\"0 9 * *\" has 4: write * for each that is to be any"),
        ("CRON_TZ=GMT 9", "\"CRON_TZ=GMT 9\" has 1: write * for each that is to be any"),
        ("0 0 9 * * * 2026", "\"0 0 9 * * * 2026\" has 7: years and commands are not among them"),
    ])
    func `fields are counted`(_ text: String, _ message: String) {
        let start = "a crontab has 5 fields (minute hour day month weekday), or 6 with the second in front, and "
        #expect(throws: RecurrenceError(.wrongFieldCount, start + message)) { try Recurrence.crontab(text) }
    }

    @Test(arguments: ["@dayly", "@reboot", "@", "@daily @hourly", "@daily 5"])
    func `words that are not known`(_ text: String) {
        let message =
            "\"\(text)\" is not known: write @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually or "
            + "@every with an interval, and no fields beside it"
        #expect(throws: RecurrenceError(.unknownShorthand, message)) { try Recurrence.crontab(text) }
    }

    @Test(arguments: [
        "", "Mars/Olympus", "../../etc/passwd", "Europe/Berlin\u{e9}", String(repeating: "x", count: 500),
    ])
    func `zones that are not known`(_ name: String) {
        let shown = name.count > 40 ? name.prefix(40) + "…" : name.replacing("\u{e9}", with: "\\u{00E9}")[...]
        let message = "CRON_TZ=\"\(shown)\" names no time zone that is known here: write a name like Europe/Berlin"
        #expect(throws: RecurrenceError(.unknownTimeZone, message)) { try Recurrence.crontab("CRON_TZ=\(name) @daily") }
    }

    @Test(arguments: [
        "@every", "@every 90", "@every s", "@every 1x", "@every -5s", "@every 1s 2s", "@every 1s from",
        "@every 1s from 5",
        "@every 1s from --5s", "@every 1s since 5s", "@every 9223372036854775807h", "@every 1.5s", "@every ٣s",
    ])
    func `intervals that are not understood`(_ text: String) {
        let shown = text.replacing("٣", with: "\\u{0663}")
        let message =
            "\"\(shown)\" is not understood: write @every and an interval like 90s or 1h30m (h, m, s, ms, us), perhaps "
            + "with a first time like from 1735689600s"
        #expect(throws: RecurrenceError(.invalidInterval, message)) { try Recurrence.crontab(text) }
    }

    @Test func `an interval that is too short`() {
        let message = "the interval of 20ms is not within 1 second…36,525 days: write one that is"
        #expect(throws: RecurrenceError(.invalidInterval, message)) { try Recurrence.crontab("@every 20ms") }
    }

    @Test func `absurdly long texts are not read`() {
        let text = String(repeating: "1,", count: 500_000) + "1 * * * *"
        let message =
            "a crontab has at most 1000 bytes, and \"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,…\" has 1000009: write "
            + "ranges and steps instead of long lists"
        #expect(throws: RecurrenceError(.textTooLong, message)) { try Recurrence.crontab(text) }
    }

    @Test func `every number of every field one by one is short enough`() throws {
        func list(_ range: ClosedRange<Int>) -> String { range.map(String.init).joined(separator: ",") }
        let fields = [list(0...59), list(0...59), list(0...23), list(1...31), list(1...12), list(0...7)]
        #expect(try Recurrence.crontab(fields.joined(separator: " ")) == .crontab("* * * * * *"))
    }

    @Test func `a description has the code in front`() {
        let error = RecurrenceError(.invalidField, "field 2 (hour): 24 is not within 0…23", field: 2)
        #expect("\(error)" == "invalidField: field 2 (hour): 24 is not within 0…23")
    }
}
