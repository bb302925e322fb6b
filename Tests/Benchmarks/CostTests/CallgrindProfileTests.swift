import Testing

@testable import cost

@Suite struct CallgrindProfileTests {
    @Test func countsInstructionsAndCallsOfAllocators() throws {
        let text = """
            # callgrind format
            events: Ir
            summary: 1000

            fn=(1) main
            0 9
            cfn=(2) malloc
            calls=3 30
            0 189
            cfn=(3) free
            calls=5 30
            0 10
            cfn=(2)
            calls=4 30
            0 12
            fn=(2)
            cfn=(4) malloc'2
            calls=7 1
            0 1
            fn=(5) swift_slowAlloc
            cfn=(6) posix_memalign
            calls=1 30
            0 2
            totals: 1000
            """
        let profile = try #require(CallgrindProfile(text))
        #expect(profile.instructions == 1000)
        #expect(profile.allocations == 8)
        // What a callee cost is not counted for its caller.
        #expect(profile.instructionsByFunction["main"] == 9)
    }

    @Test func symbolsTellThePartOfTheProgram() {
        #expect(FunctionKind.of("$s10DelayQueue8ProducerV5delayyyF") == "DelayQueue")
        #expect(FunctionKind.of("$s7NIOCore10ByteBufferV") == "NIOCore")
        #expect(FunctionKind.of("$sSD8isEmptySbvg") == "Swift standard library")
        #expect(FunctionKind.of("swift_release") == "Swift runtime")
        #expect(FunctionKind.of("_int_malloc") == "allocation")
        #expect(FunctionKind.of("main") == "other")
    }

    @Test(arguments: ["", "# callgrind format\nevents: Ir\nfn=(1) main\n0 9", "summary: many"])
    func aRunThatDidNotEndWellHasNoCounts(_ text: String) {
        #expect(CallgrindProfile(text) == nil)
    }
}
