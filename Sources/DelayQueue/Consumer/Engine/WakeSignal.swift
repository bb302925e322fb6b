/// Wakes the one task that waits; confined to the actor that owns it.
///
/// Whoever waits looks at the state between ``rearm()`` and ``wait()``, and again afterwards. A wake-up that comes
/// before the wait has begun counts as well: where a task prefers an executor, each entry into an async function of the
/// same actor may be a turn of the loop of its own, and what happens meanwhile would be missed.
final class WakeSignal {
    private var waiter: CheckedContinuation<Void, Never>?
    private var isWoken = false

    /// From here on wake-ups count.
    func rearm() {
        isWoken = false
    }

    /// Returns once it was woken since ``rearm()``.
    func wait() async {
        await withCheckedContinuation { waiter in
            if isWoken { waiter.resume() } else { self.waiter = waiter }
        }
    }

    func wake() {
        isWoken = true
        waiter.take()?.resume()
    }
}
