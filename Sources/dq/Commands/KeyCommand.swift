#if Sealing
    import ArgumentParser
    import CommandSupport
    import DelayQueue
    import Foundation

    struct KeyCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "key",
            abstract: "Make a key to seal jobs with, and print its line for a file of keys.",
            discussion: """
                Keep the file from others: (umask 077; dq key > keys). To rotate, add the new line below the first in \
                every consumer's file, then move it to the top everywhere, and remove the old one once no job that was \
                sealed with it is left.
                """)

        @Argument(help: ArgumentHelp("The key's id; today's date unless given.", valueName: "id"))
        var id: String?

        func validate() throws {
            guard let id else { return }
            do {
                _ = try SealingKey(id: id, secret: Array(repeating: 0, count: SealingKey.minimumSecretLength))
            } catch {
                throw ValidationError(error.message)
            }
        }

        func run() async throws {
            var generator = SystemRandomNumberGenerator()
            let secret = (0..<SealingKey.minimumSecretLength).map { _ in
                UInt8.random(in: 0...UInt8.max, using: &generator)
            }
            let id = id ?? String(DateText.string(Timestamp.now()).prefix(10))
            try await StandardStream.output.write("\(id):\(Data(secret).base64EncodedString())")
        }
    }
#endif
