import Foundation
import FuzzProperties
import NIOCore

private typealias Callback = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

/// libFuzzer's own main function: the package's build system wants to name the executable's.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ callback: Callback
) -> CInt

/// Which readers this process fuzzes: the name of a ``FuzzTarget`` in `DQ_FUZZ_TARGET`.
private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["DQ_FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        fatalError("DQ_FUZZ_TARGET is '\(name)', not one of \(FuzzTarget.allCases.map(\.rawValue))")
    }
    return target
}()

@main enum FuzzMain {
    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        let status = runFuzzer(&count, &arguments) { start, count in
            do throws(PropertyViolation) {
                try target.check(ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count)))
            } catch {
                // libFuzzer takes the process's end for a finding.
                fatalError("\(error)")
            }
            return 0
        }
        exit(status)
    }
}
