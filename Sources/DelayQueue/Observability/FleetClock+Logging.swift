import Logging

extension FleetClock.Change {
    func log(to logger: Logger) {
        switch self {
        case .disagree(let skew):
            logger.warning(
                "this machine's clock and the ledger's differ; the ledger's decides what is due",
                metadata: [
                    LogKey.skew: "\(skew)",
                    LogKey.mend: "set the clock of this machine, or the ledger's if all machines differ from it",
                ])
        case .agreeAgain:
            logger.notice("this machine's clock and the ledger's agree again")
        }
    }
}
