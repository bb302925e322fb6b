package import Beanstalk

/// What a copy is among the copies of its job.
package enum CopyRole: Hashable, Sendable {
    /// It knows of no other copy: all are ready at the same time; or it is a lead whose standbys nobody could name.
    case alone
    /// It is ready at the job's date, and knows where its standbys are.
    case lead(naming: [CopyName])
    /// It is ready a little later, unless it was deleted by then.
    ///
    /// - Parameter leadOn: the server process that is to store the lead; nil where that was not known.
    case standby(leadOn: ServerID?)

    package var isStandby: Bool { if case .standby = self { true } else { false } }

    /// The standbys that a lead knows of.
    package var names: [CopyName] { if case .lead(let names) = self { names } else { [] } }
}

/// A copy by the server process that stored it and the number that process gave it, which mean this copy for good.
package struct CopyName: Hashable, Sendable {
    /// The copy's index.
    package let index: Int
    package let server: ServerID
    package let id: BeanstalkJobID

    package init(index: Int, server: ServerID, id: BeanstalkJobID) {
        self.index = index
        self.server = server
        self.id = id
    }
}

// In an envelope's line a role follows the number of copies:
//
//     0/3                                                            alone
//     0/3+1@<server id>@<beanstalkd id>,2@<server id>@<beanstalkd id>  a lead
//     1/3~<server id>  or  1/3~                                      a standby
extension CopyRole {
    private static let leadMark = UInt8(ascii: "+")
    private static let standbyMark = UInt8(ascii: "~")
    private static let at = UInt8(ascii: "@")
    private static let comma = UInt8(ascii: ",")

    /// What separates the number of copies from a role.
    static func isMark(_ byte: UInt8) -> Bool { byte == leadMark || byte == standbyMark }

    /// The most bytes a role takes, in a record of so many copies.
    static func greatestLength(copies: Int) -> Int {
        max(copies - 1, 0) * (2 + 1 + ServerID.length + 1 + 20 + 1)
    }

    /// How many bytes ``write(to:)`` writes.
    var length: Int {
        switch self {
        case .alone: 0
        case .standby(nil): 1
        case .standby: 1 + ServerID.length
        case .lead(let names):
            names.reduce(0) { length, name in
                length + 1 + LineWriter.digits(in: UInt64(name.index)) + 1 + ServerID.length + 1
                    + LineWriter.digits(in: name.id.rawValue)
            }
        }
    }

    func write(to line: inout LineWriter) {
        switch self {
        case .alone: break
        case .standby(let server):
            line.write(byte: Self.standbyMark)
            if let server { Self.write(server, to: &line) }
        case .lead(let names):
            var mark = Self.leadMark
            for name in names {
                line.write(byte: mark)
                line.write(UInt64(name.index))
                line.write(byte: Self.at)
                Self.write(name.server, to: &line)
                line.write(byte: Self.at)
                line.write(name.id.rawValue)
                mark = Self.comma
            }
        }
    }

    private static func write(_ server: ServerID, to line: inout LineWriter) {
        for digit in 1...ServerID.length {
            line.write(byte: .hexDigit(UInt8(truncatingIfNeeded: server.rawValue >> UInt64(64 - digit * 4)) & 0xf))
        }
    }

    /// Reads strictly what ``write(to:)`` writes.
    ///
    /// - Parameter copy: the index of the copy that says it, which it cannot name.
    /// - Parameter copies: how many copies the job has; 0 where that is unknown.
    init?(_ text: UnsafeRawBufferPointer, copy: Int, copies: Int) {
        guard let mark = text.first else {
            self = .alone
            return
        }
        let rest = UnsafeRawBufferPointer(rebasing: text[1...])
        switch mark {
        case Self.standbyMark where rest.isEmpty:
            self = .standby(leadOn: nil)
        case Self.standbyMark:
            guard let server = ServerID(digits: rest) else { return nil }
            self = .standby(leadOn: server)
        case Self.leadMark:
            var names: [CopyName] = []
            var start = 0
            while start <= rest.count {
                let end = rest.index(of: Self.comma, from: start) ?? rest.count
                guard let name = CopyName(UnsafeRawBufferPointer(rebasing: rest[start..<end])), name.index != copy,
                    name.index < (copies == 0 ? CopySet.maximumCount : copies),
                    names.last.map({ $0.index < name.index }) ?? true
                else { return nil }
                if names.isEmpty { names.reserveCapacity(max(copies - 1, 1)) }
                names.append(name)
                start = end + 1
            }
            self = .lead(naming: names)
        default: return nil
        }
    }
}

extension CopyName {
    fileprivate init?(_ text: UnsafeRawBufferPointer) {
        let at = UInt8(ascii: "@")
        guard let first = text.index(of: at, from: 0), let second = text.index(of: at, from: first + 1),
            let index = Int(decimal: UnsafeRawBufferPointer(rebasing: text[..<first])),
            let server = ServerID(digits: UnsafeRawBufferPointer(rebasing: text[(first + 1)..<second])),
            let id = UInt64(decimal: UnsafeRawBufferPointer(rebasing: text[(second + 1)...]))
        else { return nil }
        self.init(index: index, server: server, id: BeanstalkJobID(id))
    }
}
