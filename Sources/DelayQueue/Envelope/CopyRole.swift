package import Beanstalk

/// What a copy is among the copies of its job.
package enum CopyRole: Hashable, Sendable {
    /// It knows of no other copy: all are ready at the same time; or it is a lead of which nothing else was known.
    case alone
    /// It is ready at the job's date, and knows where its standbys are, as far as they were stored before it.
    ///
    /// - Parameter on: the server process that it was meant for, which another one with the same log may have by now; nil
    ///   where that was not known.
    case lead(on: ServerID?, naming: [CopyName])
    /// It is ready a little later, unless it was deleted by then.
    ///
    /// - Parameter leadOn: the server process that is to store the lead; nil where that was not known.
    case standby(leadOn: ServerID?)

    package var isStandby: Bool { if case .standby = self { true } else { false } }

    package var isLead: Bool { if case .lead = self { true } else { false } }

    /// The standbys that a lead knows of.
    package var names: [CopyName] { if case .lead(_, let names) = self { names } else { [] } }
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
//     0/3                                                                 alone
//     0/3+<server id>,1@<server id>@<beanstalkd id>,2@<server id>@<beanstalkd id>  a lead; its own server id may be missing
//     1/3~<server id>                                                     a standby; the server id may be missing
extension CopyRole {
    private static let leadMark = UInt8(ascii: "+")
    private static let standbyMark = UInt8(ascii: "~")
    private static let at = UInt8(ascii: "@")
    private static let comma = UInt8(ascii: ",")

    /// Where a role begins in the field of a record's line that it shares with the number of copies.
    static func start(in counts: UnsafeRawBufferPointer) -> Int {
        var index = 0
        while index < counts.count, counts[index] != leadMark, counts[index] != standbyMark { index += 1 }
        return index
    }

    /// The most bytes a role takes, in a record of so many copies.
    static func greatestLength(copies: Int) -> Int {
        1 + ServerID.length + max(copies - 1, 0) * (1 + 2 + 1 + ServerID.length + 1 + 20)
    }

    /// How many bytes ``write(to:)`` writes.
    var length: Int {
        switch self {
        case .alone: 0
        case .standby(nil): 1
        case .standby: 1 + ServerID.length
        case .lead(let server, let names):
            names.reduce(1 + (server == nil ? 0 : ServerID.length)) { length, name in
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
        case .lead(let server, let names):
            line.write(byte: Self.leadMark)
            if let server { Self.write(server, to: &line) }
            for name in names {
                line.write(byte: Self.comma)
                line.write(UInt64(name.index))
                line.write(byte: Self.at)
                Self.write(name.server, to: &line)
                line.write(byte: Self.at)
                line.write(name.id.rawValue)
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
            let first = rest.index(of: Self.comma, from: 0) ?? rest.count
            let server = first == 0 ? nil : ServerID(digits: UnsafeRawBufferPointer(rebasing: rest[..<first]))
            guard (first == 0) == (server == nil), !rest.isEmpty else { return nil }
            var names: [CopyName] = []
            if first < rest.count { names.reserveCapacity(2) }
            var position = first + 1
            while position <= rest.count {
                let end = rest.index(of: Self.comma, from: position) ?? rest.count
                guard let name = CopyName(UnsafeRawBufferPointer(rebasing: rest[position..<end])), name.index != copy,
                    name.index < (copies == 0 ? CopySet.maximumCount : copies),
                    names.last.map({ $0.index < name.index }) ?? true
                else { return nil }
                names.append(name)
                position = end + 1
            }
            self = .lead(on: server, naming: names)
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
