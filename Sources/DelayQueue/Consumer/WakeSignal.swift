/// Wakes the one task that waits; confined to the actor that owns it.
///
/// Whoever waits looks at the state again afterwards, without a suspension between looking and waiting, so no wake-up
/// can be missed.
final class WakeSignal {
    private var waiter: CheckedContinuation<Void, Never>?

    func wait() async {
        await withCheckedContinuation { waiter = $0 }
    }

    func wake() {
        waiter?.resume()
        waiter = nil
    }
}
