import PipelinedTransport
import Testing

@testable import HiredisClient

@Suite struct RedisErrorTests {
    @Test(arguments: [
        ("READONLY You can't write against a read only replica.", "READONLY"),
        ("LOADING Redis is loading the dataset in memory", "LOADING"),
        ("MASTERDOWN Link with MASTER is down", "MASTERDOWN"), ("TRYAGAIN Multiple keys", "TRYAGAIN"),
        ("BUSY Redis is busy running a script.", "BUSY"), ("CLUSTERDOWN Hash slot not served", "CLUSTERDOWN"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
        ("NOREPLICAS Not enough good replicas to write.", "NOREPLICAS"),
        // As Redis 5 and 6 word what a script meets.
        ("ERR Error running script (call to f_c0): @user_script:1: @user_script: 1: -OOM command not allowed", "OOM"),
        ("ERR Error running script (call to f_c0): @user_script:1: -READONLY You can't write", "READONLY"),
    ])
    func passes(_ text: String, prefix: String) {
        let error = RedisError(serverError: text, mayHaveBeenSent: true)
        #expect(error.code == .server && error.serverPrefix == prefix)
        #expect(error.isRetriable && !error.isConfiguration && !error.isOutcomeUnknown)
    }

    @Test(arguments: [
        ("WRONGPASS invalid username-password pair or user is disabled.", RedisError.Code.wrongPassword),
        ("NOAUTH Authentication required.", .wrongPassword), ("ERR invalid password", .wrongPassword),
        ("NOPERM this user has no permissions to run the 'eval' command", .permissionDenied),
        // As a script meets it, in the words of Redis 7 and of 6.
        (
            "ERR The user executing the script can't run this command or subcommand script: f, on @user_script:1.",
            .permissionDenied
        ),
        (
            "ERR Error running script (call to f_c0): @user_script:1: The user executing the script can't run this",
            .permissionDenied
        ),
        ("@user_script: 1: The user executing the script can't run this command or subcommand", .permissionDenied),
        // In the words of Redis 7.2 and Valkey.
        (
            "ERR ACL failure in script: User w has no permissions to run the 'get' command script: f, on @user_script:1.",
            .permissionDenied
        ),
        ("ERR ACL failure in script: No permissions to access a key script: f, on @user_script:1.", .permissionDenied),
        ("ERR DB index is out of range", .wrongDatabase), ("ERR invalid DB index", .wrongDatabase),
        ("MOVED 3999 127.0.0.1:6381", .clusterUnsupported),
        ("ERR SELECT is not allowed in cluster mode", .clusterUnsupported),
    ])
    func needsASettingChanged(_ text: String, code: RedisError.Code) {
        let error = RedisError(serverError: text)
        #expect(error.code == code && error.isConfiguration && !error.isRetriable)
    }

    @Test(arguments: [
        "WRONGTYPE Operation against a key holding the wrong kind of value", "ERR syntax error", "", " ",
        "ERR Error running script (call to f_c0): @user_script:1: -",
    ])
    func staysRefused(_ text: String) {
        let error = RedisError(serverError: text)
        #expect(error.code == .server && !error.isRetriable && !error.isConfiguration)
    }

    @Test func followsTheTransport() {
        func error(_ code: TransportError.Code, sent: Bool, underlying: (any Error)? = nil) -> RedisError {
            RedisError(
                TransportError(
                    code, address: .hostname("h", port: 1), mayHaveBeenSent: sent, retryAfter: .seconds(1),
                    underlying: underlying))
        }
        let lost = error(.connectionLost, sent: true)
        #expect(lost.code == .transport && lost.isRetriable && lost.mayHaveBeenSent && lost.isOutcomeUnknown)
        #expect(lost.retryAfter == .seconds(1) && lost.transport?.code == .connectionLost)
        #expect(!error(.closed, sent: false).isRetriable)
        #expect(!error(.cancelled, sent: true).isRetriable)
        let refused = error(
            .preambleRejected, sent: false, underlying: RedisError(serverError: "LOADING x", mayHaveBeenSent: true))
        #expect(refused.code == .server && refused.isRetriable && !refused.mayHaveBeenSent)
        #expect(refused.transport?.code == .preambleRejected)
    }
}
