import HiredisClient

/// The rules of `LedgerRecord` in Lua, a script for each operation.
///
/// Each script touches its one key. It begins with the server's time, so writes after it replicate as effects, which
/// is Redis's default from version 5 on.
struct RedisLedgerScripts: Sendable {
    /// What time the scripts decide by.
    enum Clock: Sendable {
        /// The server's.
        case server
        /// The last argument, in microseconds, for tests that compare the scripts with `LedgerRecord`.
        case argument
    }

    let claim: RedisScript
    let renew: RedisScript
    let complete: RedisScript
    let postpone: RedisScript
    let bury: RedisScript
    let revoke: RedisScript
    let forget: RedisScript
    let status: RedisScript

    init(clock: Clock) {
        let opening: String
        switch clock {
        case .server: opening = Self.serverTime + Self.reading
        case .argument: opening = Self.argumentTime + Self.reading
        }
        claim = RedisScript(opening + Self.describing + Self.claiming)
        renew = RedisScript(opening + Self.checkingClaim + Self.renewing)
        complete = RedisScript(opening + Self.checkingClaim + Self.completing)
        postpone = RedisScript(opening + Self.checkingClaim + Self.postponing)
        bury = RedisScript(opening + Self.checkingClaim + Self.burying)
        revoke = RedisScript(opening + Self.deleting + Self.revoking)
        forget = RedisScript(opening + Self.describing + Self.deleting + Self.forgetting)
        status = RedisScript(opening + Self.describing + Self.reporting)
    }

    var all: [RedisScript] { [claim, renew, complete, postpone, bury, revoke, forget, status] }

    /// What a script answers where the value is no record; the key was left alone.
    static let unreadable = "unreadable"

    private static let serverTime = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]

        """

    private static let argumentTime = """
        local now = tonumber(ARGV[#ARGV])

        """

    /// Leaves the record in local variables, `kind` nil where there is none.
    ///
    /// `write` sets the expiry first where there is a record: a server that is full refuses to begin with `SET`, but
    /// not to go on with it after a write that needs no memory. So only new records are refused.
    private static let reading = """
        local key = KEYS[1]
        local value = redis.pcall('GET', key)
        if type(value) == 'table' then
          if string.find(value.err, 'WRONGTYPE', 1, true) then return 'unreadable' end
          return value
        end
        local kind, owner, attempt, failures, till, copy, kicks, deleted
        if value then
          local rest
          kind, rest = string.match(value, '^1 (%l+) (.*)$')
          local readable = false
          if kind == 'claimed' or kind == 'waiting' then
            owner, attempt, failures, till = string.match(rest, '^([!-~]+) (%d+) (%d+) (%d+)$')
            readable = owner
          elseif kind == 'done' then
            owner, deleted = string.match(rest, '^([!-~]+) (%S+)$')
            readable = owner
          elseif kind == 'revoked' then
            till, deleted = string.match(rest, '^(%d+) (%S+)$')
            readable = till
          elseif kind == 'dead' then
            owner, attempt, copy, kicks = string.match(rest, '^([!-~]+) (%d+) ([!-~]+) (%d+)$')
            readable = owner
          end
          attempt = tonumber(attempt or 0)
          failures = tonumber(failures or 0)
          till = tonumber(till or 0)
          kicks = tonumber(kicks or 0)
          if math.max(attempt, failures, kicks) > 1000000000 or till > 9007199254740992 or #(owner or '') > 64 then
            readable = false
          end
          if deleted and deleted ~= '-' and string.gsub(deleted .. ',', '%d%d?,', '') ~= '' then
            readable = false
          end
          if not readable then
            if string.sub(key, 1, 3) == 'dq:' or string.match(value, '^%d+ ') then return 'unreadable' end
            kind, owner, deleted = 'done', '', '-'
          end
        end
        local function after(duration)
          return string.format('%.0f', math.min(now + duration, 9007199254740992))
        end
        local function write(record, ms)
          if value then redis.call('PEXPIRE', key, ms) end
          redis.call('SET', key, record, 'PX', ms)
        end

        """

    /// The reply that describes the record.
    private static let describing = """
        local function state()
          if not kind then return 'absent' end
          if kind == 'claimed' or kind == 'waiting' then
            return (kind == 'claimed' and 'held ' or 'waiting ') .. string.format('%.0f', math.max(till - now, 0))
          end
          return 'finished ' .. kind
        end

        """

    /// Whether the first two arguments, owner and attempt, are those of the claim.
    private static let checkingClaim = """
        local isClaimant = kind == 'claimed' and owner == ARGV[1] and attempt == tonumber(ARGV[2])

        """

    /// Adds to the copies known to be deleted, and tells whether those are all.
    private static let deleting = """
        local function addDeleted(more, copies)
          local set, last, list = {}, copies - 1, {}
          for index in string.gmatch(deleted .. ',' .. more, '%d+') do
            index = tonumber(index)
            set[index] = true
            if index > last then last = index end
          end
          local all = copies > 0
          for index = 0, last do
            if set[index] then list[#list + 1] = index elseif index < copies then all = false end
          end
          deleted = #list > 0 and table.concat(list, ',') or '-'
          return all
        end

        """

    /// owner, copy or `-`, kicks or `-`, whether to create a record, lease in µs, retention in ms
    private static let claiming = """
        local function grant(attempt, failures)
          local numbers = attempt .. ' ' .. failures
          write('1 claimed ' .. ARGV[1] .. ' ' .. numbers .. ' ' .. after(ARGV[5]), ARGV[6])
          return 'granted ' .. numbers
        end
        if not kind then
          if ARGV[4] == '1' then return grant(1, 0) end
        elseif kind == 'claimed' then
          if owner == ARGV[1] then return grant(attempt, failures) end
          if till <= now then return grant(attempt + 1, failures + 1) end
        elseif kind == 'waiting' then
          if till <= now then return grant(attempt + 1, failures) end
        elseif kind == 'dead' then
          local isNamed = copy == ARGV[2]
          if isNamed and ARGV[3] ~= '-' and tonumber(ARGV[3]) > kicks then return grant(attempt + 1, 0) end
          write('1 dead ' .. ARGV[1] .. ' ' .. attempt .. ' ' .. copy .. ' ' .. kicks, ARGV[6])
          if isNamed then return ARGV[3] == '-' and 'needsKicks' or 'buryAgain' end
        end
        return state()
        """

    /// owner, attempt, failures to restore or `-`, lease in µs, retention in ms
    private static let renewing = """
        if not isClaimant then
          if kind or ARGV[3] == '-' then return 'lost' end
          failures = ARGV[3]
        end
        write('1 claimed ' .. ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. failures .. ' ' .. after(ARGV[4]), ARGV[5])
        return 'renewed'
        """

    /// owner, attempt, retention in ms
    private static let completing = """
        if isClaimant then
          write('1 done ' .. owner .. ' -', ARGV[3])
          return 'settled'
        end
        if kind == 'done' and owner == ARGV[1] then return 'settled' end
        return 'lost'
        """

    /// owner, attempt, delay in µs, failures to add, delay and retention in ms
    private static let postponing = """
        if isClaimant then
          failures = failures + ARGV[4]
          write('1 waiting ' .. owner .. ' ' .. attempt .. ' ' .. failures .. ' ' .. after(ARGV[3]), ARGV[5])
          return 'settled'
        end
        if kind == 'waiting' and owner == ARGV[1] and attempt == tonumber(ARGV[2]) then return 'settled' end
        return 'lost'
        """

    /// owner, attempt, copy, kicks, retention in ms, copy named before or `-`
    private static let burying = """
        local isSame = kind == 'dead' and attempt == tonumber(ARGV[2])
        if isSame and copy == ARGV[3] then return 'settled' end
        if isClaimant or isSame and owner == ARGV[1] and copy == ARGV[6] then
          write('1 dead ' .. owner .. ' ' .. attempt .. ' ' .. ARGV[3] .. ' ' .. ARGV[4], ARGV[5])
          return 'settled'
        end
        return 'lost'
        """

    /// fire time in µs, copies, retention in ms, grace in ms
    private static let revoking = """
        if kind == 'claimed' and till > now then return 'running' end
        if kind == 'done' then return 'alreadyDone' end
        local fire = tonumber(ARGV[1])
        if kind == 'revoked' then fire = math.max(fire, till) end
        deleted = deleted or '-'
        local ms = ARGV[4]
        if not addDeleted('', tonumber(ARGV[2])) then
          ms = string.format('%.0f', math.ceil(math.max(fire - now, 0) / 1000) + ARGV[3])
        end
        write('1 revoked ' .. string.format('%.0f', fire) .. ' ' .. deleted, ms)
        return 'revoked'
        """

    /// deleted indexes, copies, retention in ms, grace in ms
    private static let forgetting = """
        if kind ~= 'done' and kind ~= 'revoked' then return state() end
        local copies = tonumber(ARGV[2])
        if copies == 0 or owner == '' then return 'forgotten' end
        local all = addDeleted(ARGV[1], copies)
        if kind == 'done' then
          write('1 done ' .. owner .. ' ' .. deleted, all and ARGV[4] or ARGV[3])
        else
          local ms = ARGV[4]
          if not all then ms = string.format('%.0f', math.ceil(math.max(till - now, 0) / 1000) + ARGV[3]) end
          write('1 revoked ' .. string.format('%.0f', till) .. ' ' .. deleted, ms)
        end
        return 'forgotten'
        """

    private static let reporting = "return state()"
}
