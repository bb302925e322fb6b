import Testing

@testable import CommandSupport

@Suite struct DurationTextTests {
    @Test(arguments: [
        ("1.5s", Duration.milliseconds(1500)),
        ("250ms", .milliseconds(250)),
        ("0.25ms", .microseconds(250)),
        ("10m", .seconds(600)),
        ("2h", .seconds(7200)),
        ("1d", .seconds(86_400)),
        ("1h30m", .seconds(5400)),
        ("1d2h3m4s5ms", .milliseconds(93_784_005)),
        ("0s", .zero),
        ("0.000000001s", .nanoseconds(1)),
        ("9999999999s", .seconds(9_999_999_999)),
    ])
    func reads(_ text: String, _ duration: Duration) throws {
        #expect(try DurationText.parse(text) == duration)
    }

    @Test(arguments: [
        ("", "empty"),
        ("5", "no unit"),
        ("1h30", "no unit"),
        ("s", "no number before it"),
        ("-5s", "no number before it"),
        ("5x", "no unit of time"),
        ("5 s", "no unit of time"),
        ("5S", "no unit of time"),
        ("1.2.3s", "not a number"),
        (".5s", "not a number"),
        ("5.s", "not a number"),
        ("12345678901s", "not a number"),
        ("1s2s", "appears twice"),
        ("٥s", "no number before it"),
    ])
    func namesWhatIsWrong(_ text: String, _ problem: String) {
        let error = #expect(throws: InvalidText.self) { try DurationText.parse(text) }
        #expect(error?.description.contains(problem) == true, "\(error?.description ?? "")")
    }

    @Test func secondsNeedNoUnit() throws {
        #expect(try DurationText.parseSeconds("2.5") == .milliseconds(2500))
        #expect(try DurationText.parseSeconds("2m") == .seconds(120))
        #expect(throws: InvalidText.self) { try DurationText.parseSeconds("2 ") }
    }
}
