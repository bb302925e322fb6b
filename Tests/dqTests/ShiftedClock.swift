#if os(Linux)
    import Foundation
    import Subprocess
    import TestSupport

    /// A wall clock for child processes that is so many seconds ahead of the machine's, and can be set while they run.
    ///
    /// A small library, compiled by the machine's C compiler and loaded before the C library, adds what a file says to
    /// what programs ask for the time. The uptime is left alone.
    final class ShiftedClock: Sendable {
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

        private init() throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("dq-tests-\(UUID())")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }

        static func with<R>(seconds: Int64, _ body: (ShiftedClock) async throws -> R) async throws -> R {
            let clock = try ShiftedClock()
            defer { try? FileManager.default.removeItem(at: clock.folder) }
            try Data(repeating: 0, count: 8).write(to: clock.file)
            try clock.set(seconds)
            let text = clock.folder.appendingPathComponent("shift.c")
            try Data(source.utf8).write(to: text)
            let compiled = try await Subprocess.run(
                .name("cc"), arguments: ["-shared", "-fPIC", "-O1", "-o", clock.library.path, text.path],
                output: .discarded, error: .string(limit: 1 << 16))
            guard compiled.terminationStatus.isSuccess else {
                throw CompilerFailure(description: compiled.standardError)
            }
            return try await body(clock)
        }

        struct CompilerFailure: Error {
            let description: String
        }

        /// In place, as the programs have the file in their memory.
        func set(_ seconds: Int64) throws {
            let handle = try FileHandle(forWritingTo: file)
            try handle.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
            try handle.close()
        }

        /// The same program, by this clock.
        func showing(to tool: Tool) -> Tool {
            var tool = tool
            tool.environment["LD_PRELOAD"] = library.path
            tool.environment["SHIFTED_CLOCK"] = file.path
            return tool
        }
    }
#endif
