import Testing

/// What the parties of a round have written, read back.
@Suite struct ReadingTests {
    @Test func commandsNotesBecomeRuns() throws {
        let notes = """
            100 consumer0/7 j1 1 t1 started
            150 consumer1/8 j1 2 t1 started
            160 consumer0/7 j1 1 t1 failed
            170 consumer1/8 j1 2 t1 compl
            """
        let runs = RunNotes.ofCommands(notes)
        #expect(runs.map(\.attempt) == [1, 2])
        #expect(runs[0].process == ProcessName(slot: .consumer(0), id: 7))
        #expect(runs[0].end == Instant(microseconds: 160))
        #expect(runs[0].outcome == .failed)
        #expect(runs[1].end == nil)
        #expect(runs[1].outcome == nil)
    }

    @Test func printedJobsBecomeRunsOfTheProcessTheyFollow() throws {
        let output = """

            # 41
            {"id":"j1","body":"t1 5 0","attempt":1,"deliveredAt":"2026-01-02T03:04:05.678901Z"}
            {"id":"j2","body":"t2 5
            # 42
            {"id":"j2","body":"t2 5 0","attempt":2,"deliveredAt":"2026-01-02T03:04:06.000000Z"}
            """
        let runs = RunNotes.ofPrinter(.consumer(3), output)
        #expect(runs.map(\.process.id) == [41, 42])
        #expect(runs.map(\.token) == ["t1", "t2"])
        #expect(runs[0].start == Instant(microseconds: 1_767_323_045_678_901))
        #expect(runs.allSatisfy { $0.outcome == .completed })
    }

    @Test func theLedgersLogIsReadUpToACommandThatIsCutOff() {
        let log =
            "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n#TS:1795581427\r\n"
            + "*3\r\n$3\r\nSET\r\n$4\r\nk:j1\r\n$21\r\n1 claimed o 2 1 123456\r\n".replacingLength()
            + "*3\r\n$9\r\nPEXPIREAT\r\n$4\r\nk:j1\r\n$1\r\n9\r\n*3\r\n$3\r\nSET\r\n$5\r\nother\r\n$1\r\nx\r\n"
            + "*3\r\n$3\r\nset\r\n$4\r\nk:j1\r\n$10\r\n1 done o -\r\n*3\r\n$3\r\nSET\r\n$4\r\nk:j2\r\n$10\r\n1 do"
        let entries = AppendOnlyFile.records(in: Array(log.utf8), keyPrefix: "k:")
        #expect(
            entries == [
                LedgerEntry(
                    id: "j1",
                    state: .claimed(owner: "o", attempt: 2, failures: 1, leaseEnd: Instant(microseconds: 123456))),
                LedgerEntry(id: "j1", state: .done),
            ])
    }

    @Test func ofAnIDsEditionsThoseAreReadThatChanged() {
        let (a, b) = ("000000000000000a", "000000000000000b")
        let records = [
            "2\n\(a) 5 ff intended 9", "2\n\(a) 5 ff scheduled\n\(b) 7 ee intended 9",
            "2\n\(b) 7 ee scheduled\n\(a) 8 - 1 withdrawn", "2\n\(b) 7 ee 1 done o -\nx",
        ]
        let log = records.map { "*3\r\n$3\r\nSET\r\n$4\r\nk:j1\r\n$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        let entries = AppendOnlyFile.records(in: Array(log.utf8), keyPrefix: "k:")
        #expect(entries.map(\.edition?.name) == [a, a, b, a, b, b, nil])
        #expect(
            entries.map(\.state) == [
                .intended, .scheduled, .intended, .withdrawn, .scheduled, .done, .unreadable("x"),
            ])
        #expect(entries[1].edition?.fireDate == Instant(microseconds: 5))
    }

    @Test(arguments: ["", "2 done o -", "1 claimed o 1", "1 claimed o x 0 5", "1 gone o -", "lock"])
    func whatIsNoRecordIsUnreadable(_ text: String) {
        #expect(LedgerEntry.State(record: text) == .unreadable(text))
    }

    @Test func refusalsTellWhetherTheJobMayRun() {
        let refusals = Refusal.byLine(
            in: """
                line 3: refused: insufficientCopies: 1 of at least 2; the job may still fire
                line 12: refused: insufficientCopies: 0 of at least 2
                something else
                """)
        #expect(refusals.mapValues(\.mayStillRun) == [3: true, 12: false])
    }

    @Test func instantsAreReadAndWrittenToTheMicrosecond() {
        #expect(Instant(iso8601: "1970-01-01T00:00:01.000002Z") == Instant(microseconds: 1_000_002))
        #expect(Instant(iso8601: "1970-01-01T00:00:01Z") == nil)
        #expect(Instant(microseconds: 1_000_002).unixSeconds == "@1.000002")
    }
}

extension String {
    /// A bulk string's length is easily miscounted by hand.
    fileprivate func replacingLength() -> String {
        let parts = split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        var fixed = parts
        for index in parts.indices where parts[index].hasPrefix("$") {
            fixed[index] = "$\(parts[index + 1].utf8.count)"
        }
        return fixed.joined(separator: "\r\n")
    }
}
