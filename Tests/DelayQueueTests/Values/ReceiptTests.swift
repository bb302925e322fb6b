import Beanstalk
import DelayQueue
import Foundation
import TestSupport
import Testing

@Suite struct ReceiptTests {
    static func receipts() throws -> [Receipt] {
        let odd = try BeanstalkNode("/tmp/a b,c@d%/é.sock", tube: "x;y$(z)")
        return [
            Receipt(
                jobID: .random(), fireTime: Timestamp(microseconds: 1_795_406_494_393_290),
                queue: try TubeName(validating: "mail"), hasOwnID: false, format: .native, copies: 3,
                placements: [
                    .init(node: try BeanstalkNode("a:1"), index: 0, id: BeanstalkJobID(7), serverID: ServerID(0xa)),
                    .init(
                        node: try BeanstalkNode("[::1]:2", tube: "t"), index: 2, id: BeanstalkJobID(.max),
                        serverID: ServerID(.max)),
                    .init(node: odd, index: 1, id: nil, serverID: nil),
                ]),
            Receipt(
                jobID: try JobID("my,job@100%=~"), fireTime: Timestamp(microseconds: 0), queue: .default,
                hasOwnID: true,
                format: .native, copies: 0, placements: []),
            Receipt(
                jobID: try JobID("eed9ca1b2163fe2e61f74cd7c1475c7a"), fireTime: .now(), queue: .default,
                hasOwnID: false, format: .goQueue, copies: 0,
                placements: [
                    .init(node: try BeanstalkNode("h"), index: 0, id: BeanstalkJobID(1), serverID: nil),
                    .init(node: try BeanstalkNode("i"), index: 1, id: nil, serverID: ServerID(1)),
                ]),
        ]
    }

    @Test func textRoundTrip() throws {
        for receipt in try Self.receipts() {
            let text = receipt.description
            #expect(text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f })
            #expect(try Receipt(parsing: text) == receipt)
            #expect(Receipt(text) == receipt)
            #expect(try JSONDecoder().decode(Receipt.self, from: JSONEncoder().encode(receipt)) == receipt)
            #expect(try Timestamp(receipt.fireDate) == receipt.fireTime)
        }
    }

    @Test func ledgerKeys() throws {
        let receipts = try Self.receipts()
        #expect(receipts[0].ledgerKey.description == "dq:mail:\(receipts[0].jobID)")
        #expect(receipts[2].ledgerKey.description == "eed9ca1b2163fe2e61f74cd7c1475c7a")
    }

    @Test(arguments: [
        "", "hello", "dqr1", "dqr2,a,1,default,own,native,0", "dqr1,a,x,default,own,native,0",
        "dqr1,,1,default,own,native,0", "dqr1,a b,1,default,own,native,0", "dqr1,a,1,a b,own,native,0",
        "dqr1,a,1,default,mine,native,0", "dqr1,a,1,default,own,xml,0", "dqr1,a,1,default,own,native,-1",
        "dqr1,a,1,default,own,native,65", "dqr1,a,1,default,own,native,0,", "dqr1,a,1,default,own,native,2,0@a:1@t",
        "dqr1,a,1,default,own,native,2,0@a:1@t@1", "dqr1,a,1,default,own,native,2,0@a:1@t@1@?@?",
        "dqr1,a,1,default,own,native,2,0@a:1@t@1@-", "dqr1,a,1,default,own,native,2,0@a:1@t@x@?",
        "dqr1,a,1,default,own,native,2,0@a:1@t@1@", "dqr1,a,1,default,own,native,2,0@a:1@t@1@0123456789abcde",
        "dqr1,a,1,default,own,native,2,0@a:1@t@1@0123456789ABCDEF",
        "dqr1,a,1,default,own,native,2,0@a@t@1@?", "dqr1,a,1,default,own,native,2,64@a:1@t@1@?",
        "dqr1,a%2,1,default,own,native,0",
        "dqr1,%61,1,default,own,native,0", "dqr1,a,99999999999999999999,default,own,native,0",
        "dqr1,a,1,default,own,native,0\n",
    ])
    func refuses(_ text: String) {
        let error = #expect(throws: DelayQueueError.self) { try Receipt(parsing: text) }
        #expect(error?.code == .malformedReceipt)
        #expect(Receipt(text) == nil)
    }

    @Test func changedTextNeverTraps() throws {
        var generator = SeededGenerator(seed: 3)
        let texts = try Self.receipts().map { Array($0.description.utf8) }
        for _ in 0..<5_000 {
            var bytes = texts.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let position = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[position] = UInt8.random(in: 0...127, using: &generator)
            }
            // Whatever still reads must write itself again.
            if let receipt = Receipt(String(decoding: bytes, as: UTF8.self)) {
                #expect(Receipt(receipt.description) == receipt)
            }
        }
    }
}
