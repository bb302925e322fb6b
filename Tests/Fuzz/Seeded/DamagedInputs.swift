import NIOCore
import TestSupport

/// Inputs for readers of foreign bytes, the same for the same seed: samples one after the other, whole or damaged, and
/// runs of the words that samples are made of.
struct DamagedInputs {
    /// Numbers and line ends at which readers go wrong.
    private static let temptations = [
        "\r\n", "\r", "\n", " ", "\0", "0", "00", "-1", "+1", "1e9", "65", "4294967296", "9223372036854775807",
        "9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999",
    ].map { Array($0.utf8) }

    private let samples: [[UInt8]]
    private let words: [[UInt8]]
    private var generator: SeededGenerator
    private var bytes: [UInt8] = []

    /// - Parameter samples: at least one, none of them empty.
    init(samples: [[UInt8]], seed: UInt64) {
        self.samples = samples
        words =
            Self.temptations
            + Set(samples.flatMap { $0.split { $0 <= UInt8(ascii: " ") || $0 == UInt8(ascii: ",") }.map(Array.init) })
            .sorted { $0.lexicographicallyPrecedes($1) }
        generator = SeededGenerator(seed: seed)
    }

    mutating func next() -> ByteBuffer {
        bytes.removeAll(keepingCapacity: true)
        if below(4) == 0 {
            for _ in 0...below(8) {
                bytes += words[below(words.count)]
                if below(2) == 0 { bytes.append(UInt8(ascii: " ")) }
            }
        } else {
            for _ in 0...below(3) / 2 { bytes += samples[below(samples.count)] }
            for _ in 0..<below(4) where !bytes.isEmpty { damage() }
        }
        return ByteBuffer(bytes: bytes)
    }

    private mutating func damage() {
        let position = below(bytes.count)
        switch below(6) {
        case 0: bytes[position] = UInt8(below(256))
        case 1: bytes[position] = bytes[below(bytes.count)]
        case 2: bytes.remove(at: position)
        case 3: bytes.insert(UInt8(below(256)), at: position)
        case 4: bytes.removeSubrange(position...)
        default: bytes.insert(contentsOf: words[below(words.count)], at: position)
        }
    }

    private mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: generator.next() % UInt64(bound))
    }
}
