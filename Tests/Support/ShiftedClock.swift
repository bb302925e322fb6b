#if os(Linux)
    import Foundation
    import Subprocess

    /// A wall clock for child processes that is so many seconds ahead of the machine's, and can be set while they run.
    ///
    /// A small library, compiled by the machine's C compiler and loaded before the C library, adds what a file says to
    /// what programs ask for the time. The uptime is left alone.
    package final class ShiftedClock: Sendable {
        private let folder: URL
        private var library: URL { folder.appendingPathComponent("shift.so") }
        private var file: URL { folder.appendingPathComponent("seconds") }

        private static let source = """
            #define _GNU_SOURCE
            #include <fcntl.h>
            #include <stdint.h>
            #include <stdlib.h>
            #include <sys/mman.h>
            #include <sys/syscall.h>
            #include <sys/time.h>
            #include <time.h>
            #include <unistd.h>

            static volatile const int64_t *shift;

            __attribute__((constructor)) static void begin(void) {
                const char *path = getenv("SHIFTED_CLOCK");
                int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
                if (file < 0) return;
                void *memory = mmap(0, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
                close(file);
                if (memory != MAP_FAILED) shift = memory;
            }

            int clock_gettime(clockid_t clock, struct timespec *time) {
                int result = syscall(SYS_clock_gettime, clock, time);
                if (result == 0 && clock == CLOCK_REALTIME && shift) time->tv_sec += *shift;
                return result;
            }

            int gettimeofday(struct timeval *time, void *zone) {
                struct timespec now;
                int result = clock_gettime(CLOCK_REALTIME, &now);
                (void)zone;
                if (result == 0) { time->tv_sec = now.tv_sec; time->tv_usec = now.tv_nsec / 1000; }
                return result;
            }
            """

        /// Shows the machine's time until it is ``set(_:)``.
        ///
        /// ``remove()`` it when no program uses it any more.
        package init() async throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("dq-tests-\(UUID())")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            do {
                try Data(repeating: 0, count: 8).write(to: file)
                try await compile()
            } catch {
                remove()
                throw error
            }
        }

        private func compile() async throws {
            let text = folder.appendingPathComponent("shift.c")
            try Data(Self.source.utf8).write(to: text)
            let compiled = try await Subprocess.run(
                .name("cc"), arguments: ["-shared", "-fPIC", "-O1", "-o", library.path, text.path],
                output: .discarded, error: .string(limit: 1 << 16))
            guard compiled.terminationStatus.isSuccess else {
                throw CompilerFailure(description: compiled.standardError)
            }
        }

        package func remove() { try? FileManager.default.removeItem(at: folder) }

        package static func with<R>(seconds: Int64, _ body: (ShiftedClock) async throws -> R) async throws -> R {
            let clock = try await ShiftedClock()
            defer { clock.remove() }
            try clock.set(seconds)
            return try await body(clock)
        }

        package struct CompilerFailure: Error {
            let description: String
        }

        /// In place, as the programs have the file in their memory.
        package func set(_ seconds: Int64) throws {
            let handle = try FileHandle(forWritingTo: file)
            try handle.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
            try handle.close()
        }

        /// The same program, by this clock.
        package func showing(to tool: Tool) -> Tool {
            var tool = tool
            for (name, value) in environment { tool.environment[Environment.Key(stringLiteral: name)] = value }
            return tool
        }

        /// What shows it to a program.
        package var environment: [String: String] {
            ["LD_PRELOAD": library.path, "SHIFTED_CLOCK": file.path]
        }
    }
#endif
