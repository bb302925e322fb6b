import NIOCore

extension ByteBuffer {
    /// Where to cut it in two, decided by its bytes, so that an input means the same each time.
    var cut: Int {
        var sum = 0
        for byte in readableBytesView { sum = (sum &* 31 &+ Int(byte)) & 0xff_ffff }
        return sum % (readableBytes + 1)
    }

    /// The bytes before the cut, and those after it.
    func split(at cut: Int) -> [ByteBuffer] {
        var rest = self
        guard let first = rest.readSlice(length: cut) else { return [self] }
        return [first, rest]
    }
}
