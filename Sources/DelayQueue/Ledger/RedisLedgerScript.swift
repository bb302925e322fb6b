/// The rules of `LedgerRecord` in Lua, a script for each operation.
///
/// Each script touches its one key. What it writes replicates as effects, which is Redis's default from version 5 on.
///
/// The server has one thread for everybody, so a script takes the straight way from reading to writing. What costs most
/// is, in this order: commands, of which reading the time is one; numbers made into text; arguments; `tonumber`, where
/// `+ 0` does as well; closures over local variables.
enum RedisLedgerScript: Int, CaseIterable {
    case claim, endLease, takeTurn, renew, complete, postpone, bury, noteCopies, replay, revoke, forget, intend,
        confirm, withdraw, record, status, time, checkIn, checkOut, pause, resume

    /// How many arguments it has before those that any script may have: the edition, and the time in tests.
    var arguments: Int {
        switch self {
        case .status, .time: 0
        case .checkOut, .resume: 1
        case .replay, .withdraw: 2
        case .takeTurn, .complete, .noteCopies: 3
        case .endLease, .bury, .revoke, .forget, .confirm, .record, .checkIn, .pause: 4
        case .claim, .renew, .postpone: 5
        case .intend: 6
        }
    }

    /// What time the scripts decide by.
    enum Clock {
        /// The server's.
        case server
        /// The last argument, in microseconds, for tests that compare the scripts with `LedgerRecord`.
        case argument
    }

    /// All scripts, in the order of the cases.
    static func sources(clock: Clock) -> [String] {
        allCases.map { $0.source(clock: clock) }
    }

    private func source(clock: Clock) -> String {
        let time = clock == .server ? Self.serverTime : Self.argumentTime
        let edition =
            clock == .server
            ? "ARGV[\(arguments + 1)]" : "#ARGV > \(arguments + 1) and ARGV[\(arguments + 1)] or nil"
        let looking = Self.looking + "local edition = \(edition)\n" + Self.opening
        let read = looking + Self.reading
        let timed = read + "if kind ~= 'done' then\n" + time + "end\n"
        let writing = Self.joining(time) + Self.writing
        return switch self {
        case .claim: timed + Self.claimingEdition + Self.claiming + writing + Self.describing
        case .endLease: timed + Self.endingLease + writing + Self.describing
        case .takeTurn: timed + Self.takingTurn + writing + Self.describing
        case .renew: timed + Self.checkingClaim + Self.renewing + writing
        case .complete:
            looking + Self.completingAtOnce + Self.reading + Self.checkingClaim + Self.completing + writing
        case .postpone: timed + Self.checkingClaim + Self.postponing + writing
        case .bury: timed + Self.checkingClaim + Self.burying + writing
        case .noteCopies: timed + Self.noting + writing + Self.describing
        case .replay: timed + Self.replaying + writing + Self.describing
        case .revoke: timed + Self.uniting + Self.revoking + writing
        case .forget: timed + Self.uniting + Self.forgetting + writing + Self.describing
        case .intend: read + time + Self.refusing + Self.intending + writing
        case .confirm: read + time + Self.refusing + Self.confirming + writing
        case .withdraw: read + time + Self.withdrawing + writing + Self.describing
        case .record: timed + Self.recording + writing + Self.tellingSchedule + Self.describing
        case .status: timed + Self.tellingSchedule + Self.describing
        case .time: "local now\n" + time + Self.tellingTime
        case .checkIn: Self.openingBoard + time + Self.checkingIn
        case .checkOut: Self.openingBoard + Self.checkingOut
        case .pause: Self.openingBoard + time + Self.pausing
        case .resume: Self.openingBoard + time + Self.resuming
        }
    }

    /// What a script answers where the value is no record; the key was left alone.
    static let unreadable = "unreadable"

    private static let looking = """
        local key = KEYS[1]
        local value = redis.pcall('GET', key)
        if type(value) == 'table' then
          if string.find(value.err, 'WRONGTYPE', 1, true) then return 'unreadable' end
          return value
        end

        """

    /// Leaves the record in local variables, `kind` nil where there is none, and declares what comes of it. What the
    /// failures have behind the errors is `marks`: nothing, or ended leases and those of them alone.
    private static let reading = """
        local kind, owner, attempt, failures, till, report, deleted
        local marks, ended, alone, isAlone = '', 0, 0, false
        if value then
          kind = string.match(value, '^1 (%l+) ')
          local readable = value == '1 withdrawn'
          if readable then kind = 'withdrawn' end
          if kind == 'alone' then kind, isAlone = 'claimed', true end
          if kind == 'claimed' or kind == 'waiting' then
            owner, attempt, failures, marks, till = string.match(value, '^1 %l+ ([!-~]+) (%d+) (%d+)(%S*) (%d+)$')
            if owner then
              attempt, failures, till = attempt + 0, failures + 0, till + 0
              readable = attempt <= 1000000000 and failures <= 1000000000 and till <= 9007199254740992
            end
          elseif kind == 'done' then
            owner, deleted = string.match(value, '^1 %l+ ([!-~]+) (%S+)$')
            readable = owner
          elseif kind == 'revoked' then
            till, deleted = string.match(value, '^1 %l+ (%d+) (%S+)$')
            if till then
              till = till + 0
              readable = till <= 9007199254740992
            end
          elseif kind == 'dead' then
            owner, attempt, failures, marks, till, report = string.match(value,
              '^1 %l+ ([!-~]+) (%d+) (%d+)(%S*) (%d+) ([!-~]+ [!-~]+ [!-~]+ [!-~]+)$')
            if owner then
              attempt, failures, till = attempt + 0, failures + 0, till + 0
              readable = attempt <= 1000000000 and failures <= 1000000000 and till <= 9007199254740992
            end
          end
          if owner and #owner > 64 then readable = false end
          if marks and marks ~= '' then
            ended, alone = string.match(marks, '^/([1-9]%d*)/(%d+)$')
            if ended then ended, alone = ended + 0, alone + 0 end
            if not ended or ended > 1000000000 or alone > 1000000000 or marks ~= '/' .. ended .. '/' .. alone then
              readable = false
            end
          end
          if deleted and deleted ~= '-' and string.gsub(deleted .. ',', '%d%d?,', '') ~= '' then
            readable = false
          end
          if not readable then
            if string.sub(key, 1, 3) == 'dq:' or string.match(value, '^%d+ ') then return 'unreadable' end
            kind, owner, deleted = 'done', '', '-'
          end
          if isOther then kind, deleted, isAlone, marks, ended, alone = nil, nil, false, '', 0, 0 end
        end
        local now, record, ms, reply

        """

    private static let serverTime = """
        local time = redis.call('TIME')
        now = time[1] * 1000000 + time[2]

        """

    private static let argumentTime = """
        now = tonumber(ARGV[#ARGV])

        """

    private static let tellingTime = """
        return 'time ' .. string.format('%.0f', now)
        """

    /// Writes the record, if there is one to write, and replies.
    ///
    /// A server that is full refuses to begin with `SET`, but not to go on with it after a write that needs no memory.
    /// So where there was a record and `SET` is refused, the expiry is set first: only new records stay refused.
    private static let writing = """
        if record then
          if not stored or redis.pcall('SET', key, record, 'PX', ms).err then
            if stored then redis.call('PEXPIRE', key, ms) end
            redis.call('SET', key, record, 'PX', ms)
          end
          return reply
        end

        """

    /// Replies with what describes the record.
    private static let describing = """
        if not kind then return 'absent' end
        if kind == 'claimed' or kind == 'waiting' then
          return (kind == 'claimed' and 'held ' or 'waiting ') .. string.format('%.0f', math.max(till - now, 0))
        end
        return 'finished ' .. kind
        """

    /// Whether the first two arguments, owner and attempt, are those of the claim.
    private static let checkingClaim = """
        local isClaimant = kind == 'claimed' and owner == ARGV[1] and attempt == ARGV[2] + 0

        """

    /// Adds to the copies known to be deleted, and tells whether those are all. The numbers stay texts.
    private static let uniting = """
        local function united(deleted, more, copies)
          if deleted == '-' and copies > 1 and #more < 3 then return more, false end
          local set, last = {}, copies - 1
          for index in string.gmatch(deleted .. ',' .. more, '0?(%d+)') do
            set[index + 0] = index
            if index + 0 > last then last = index + 0 end
          end
          local list, all = nil, copies > 0
          for index = 0, last do
            if set[index] then
              list = list and list .. ',' .. set[index] or set[index]
            elseif index < copies then
              all = false
            end
          end
          return list or '-', all
        end

        """

    /// Arguments: owner, 1 to create a record or 2 for a job that is to run alone, date in µs, lease in µs, retention in
    /// ms.
    private static let claiming = """
        local failed
        if not record and (not kind or attempt == 0 and kind == 'waiting') then
          local rest = ARGV[3] - now
          if rest > 100000 then return 'early ' .. string.format('%.0f', rest) end
        end
        if record then
        elseif not kind then
          if ARGV[2] == '1' or isKnown then attempt, failed = '1', '0' end
        elseif kind == 'claimed' then
          if owner == ARGV[1] then
            failed = failures
          elseif till <= now then
            if isAlone then alone = math.min(alone + 1, 1000000000) end
            return 'ended ' .. attempt .. ' ' .. failures .. '/' .. math.min(ended + 1, 1000000000) .. '/' .. alone
          end
        elseif kind == 'waiting' then
          if till <= now then
            if ended >= 2 and ARGV[2] ~= '2' then return 'suspect ' .. failures .. marks end
            attempt, failed = attempt + 1, failures
          end
        end
        if failed then
          local numbers = attempt .. ' ' .. failed .. marks
          till = string.format('%.0f', math.min(now + ARGV[4], 9007199254740992))
          record = ((isAlone or ended >= 2 and ARGV[2] == '2') and '1 alone ' or '1 claimed ') .. ARGV[1] .. ' '
            .. numbers .. ' ' .. till
          ms, reply = ARGV[5], 'granted ' .. numbers
        end

        """

    /// Arguments: owner, date in µs, how late it may be in µs, retention in ms.
    private static let recording = """
        if not kind and not entries and ARGV[2] + ARGV[3] > now then
          record = '1 waiting ' .. ARGV[1] .. ' 0 0 0'
          ms = string.format('%.0f', math.ceil(math.max(ARGV[2] - now, 0) / 1000) + ARGV[4])
          reply = 'waiting 0'
        end

        """

    /// Arguments: owner, attempt, delay in µs, delay and retention in ms.
    private static let endingLease = """
        if kind == 'claimed' and attempt == ARGV[2] + 0 and till <= now then
          if isAlone then alone = math.min(alone + 1, 1000000000) end
          till = math.min(now + ARGV[3], 9007199254740992)
          record = '1 waiting ' .. ARGV[1] .. ' ' .. attempt .. ' ' .. failures .. '/' .. math.min(ended + 1, 1000000000) .. '/' .. alone
            .. ' ' .. string.format('%.0f', till)
          ms, reply = ARGV[4], 'waiting ' .. string.format('%.0f', till - now)
        end

        """

    /// Arguments: owner, lease in µs, retention in ms.
    private static let takingTurn = """
        if not kind or kind == 'waiting' or kind == 'claimed' and (owner == ARGV[1] or till <= now) then
          till = string.format('%.0f', math.min(now + ARGV[2], 9007199254740992))
          record = '1 claimed ' .. ARGV[1] .. ' 1 0 ' .. till
          ms, reply = ARGV[3], 'granted 1 0'
        end

        """

    /// Arguments: owner, attempt, failures to restore or `-`, lease in µs, retention in ms.
    private static let renewing = """
        if not isClaimant then
          if kind or ARGV[3] == '-' then return 'lost' end
          failures = ARGV[3]
        end
        local till = string.format('%.0f', math.min(now + ARGV[4], 9007199254740992))
        record = (isAlone and '1 alone ' or '1 claimed ') .. ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. failures .. marks
          .. ' ' .. till
        ms, reply = ARGV[5], 'renewed'

        """

    /// Completes the job for the claimant, as nearly every completion does, without taking the record apart.
    private static let completingAtOnce = """
        local claim = '1 claimed ' .. ARGV[1] .. ' ' .. ARGV[2] .. ' '
        if value and not entries and string.find(value, claim, 1, true) == 1 then
          local failures, till = string.match(value, '^(%d+) (%d+)$', #claim + 1)
          if failures and failures + 0 <= 1000000000 and till + 0 <= 9007199254740992
            and not redis.pcall('SET', key, '1 done ' .. ARGV[1] .. ' -', 'PX', ARGV[3]).err
          then
            return 'settled'
          end
        end

        """

    /// Arguments: owner, attempt, retention in ms.
    private static let completing = """
        if not isClaimant then return kind == 'done' and owner == ARGV[1] and 'settled' or 'lost' end
        record, ms, reply = '1 done ' .. owner .. ' -', ARGV[3], 'settled'

        """

    /// Arguments: owner, attempt, delay in µs, failures to add, delay and retention in ms.
    private static let postponing = """
        if not isClaimant then
          local isSame = kind == 'waiting' and owner == ARGV[1] and attempt == ARGV[2] + 0
          return isSame and 'settled' or 'lost'
        end
        local till = string.format('%.0f', math.min(now + ARGV[3], 9007199254740992))
        record = '1 waiting ' .. owner .. ' ' .. attempt .. ' ' .. failures + ARGV[4] .. marks .. ' ' .. till
        ms, reply = ARGV[5], 'settled'

        """

    /// Arguments: owner, attempt, report, retention in ms.
    private static let burying = """
        if not isClaimant then
          local isSame = kind == 'dead' and owner == ARGV[1] and attempt == ARGV[2] + 0
          return isSame and 'settled' or 'lost'
        end
        record = '1 dead ' .. owner .. ' ' .. attempt .. ' ' .. failures .. marks .. ' '
          .. string.format('%.0f', now) .. ' ' .. ARGV[3]
        ms, reply = ARGV[4], 'settled'

        """

    /// Arguments: copies, how many to keep at most, retention in ms.
    private static let noting = """
        if kind == 'dead' then
          local words, known = string.match(report, '^(.* )([!-~]+)$')
          if known == '-' then known = '' end
          local more, told, list = {}, {}, {}
          for copy in string.gmatch(ARGV[1], '[^,]+') do more[#more + 1] = copy end
          for index = #more, 1, -1 do
            if told[more[index]] then table.remove(more, index) end
            told[more[index] or ''] = true
          end
          for copy in string.gmatch(known, '[^,]+') do
            if not told[copy] then list[#list + 1] = copy end
          end
          for index = 1, #more do list[#list + 1] = more[index] end
          record = '1 dead ' .. owner .. ' ' .. attempt .. ' ' .. failures .. marks .. ' '
            .. string.format('%.0f', till) .. ' ' .. words .. (#list > 0 and table.concat(list, ',', math.max(1, #list - ARGV[2] + 1)) or '-')
          ms, reply = ARGV[3], 'noted'
        end

        """

    /// Arguments: owner, retention in ms.
    private static let replaying = """
        if kind == 'waiting' and owner == ARGV[1] then return 'replayed' end
        if kind == 'dead' then
          record = '1 waiting ' .. ARGV[1] .. ' ' .. attempt .. ' 0 ' .. string.format('%.0f', now)
          ms, reply = ARGV[2], 'replayed'
        end

        """

    /// Arguments: fire time in µs or `-`, copies, retention in ms, grace in ms.
    private static let revoking = """
        if kind == 'claimed' and till > now then return 'running' end
        if kind == 'done' then return 'alreadyDone' end
        if kind == 'withdrawn' then return 'revoked' end
        local fire = tonumber(ARGV[1])
        if not fire then
          if not kind and not (own and own[4] == 'scheduled') then return 'absent' end
          fire = not kind and own[2] + 0 or now
        end
        if kind == 'revoked' then fire = math.max(fire, till) end
        local all
        deleted, all = united(deleted or '-', '-', ARGV[2] + 0)
        ms = ARGV[4]
        if not all then ms = string.format('%.0f', math.ceil(math.max(fire - now, 0) / 1000) + ARGV[3]) end
        record, reply = '1 revoked ' .. string.format('%.0f', fire) .. ' ' .. deleted, 'revoked'

        """

    /// Arguments: deleted indexes, copies, retention in ms, grace in ms.
    private static let forgetting = """
        if kind == 'done' or kind == 'revoked' then
          local copies = ARGV[2] + 0
          if copies == 0 or owner == '' then return 'forgotten' end
          local all
          deleted, all = united(deleted, ARGV[1], copies)
          ms, reply = all and ARGV[4] or ARGV[3], 'forgotten'
          if kind == 'done' then
            record = '1 done ' .. owner .. ' ' .. deleted
          else
            if not all then ms = string.format('%.0f', math.ceil(math.max(till - now, 0) / 1000) + ARGV[3]) end
            record = '1 revoked ' .. string.format('%.0f', till) .. ' ' .. deleted
          end
        end

        """
}
