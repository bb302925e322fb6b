// The rules of ``QueueBoard``. A board is a hash, so that a consumer that checks in writes its own field only.
extension RedisLedgerScript {
    /// Leaves in `pause` its text, false where there is none, and in `till` its end; declares `now`.
    static let openingBoard = """
        local key, now = KEYS[1]
        local pause = redis.pcall('HGET', key, 'pause')
        if type(pause) == 'table' then
          if string.find(pause.err, 'WRONGTYPE', 1, true) then return 'unreadable' end
          return pause
        end
        local since, till
        if pause then
          since, till = string.match(pause, '^1 (%d+) (%d+) [!-~]+ [!-~]+$')
          if not since or since + 0 > 9007199254740992 or till + 0 > 9007199254740992 then return 'unreadable' end
        end
        till = (till or 0) + 0

        """

    /// How long the board lasts, with a pause that ends at `till`; the memory in ms is an argument. A server that is full
    /// refuses to begin with `HSET`, but not to go on with it: so the expiry is set first where there is a board.
    private static let writing = """
        local ms = string.format('%.0f', math.ceil(math.max(till - now, 0) / 1000) + memory)
        local isThere = redis.call('PEXPIRE', key, ms) == 1
        redis.call('HSET', key, field, value)
        if not isThere then redis.call('PEXPIRE', key, ms) end

        """

    /// Arguments: id, presence, 1 where it is the first check-in, memory in ms.
    static let checkingIn =
        """
        local memory = ARGV[4]
        if ARGV[3] == '1' then
          local all = redis.call('HGETALL', key)
          for index = 1, #all, 2 do
            local seen = string.sub(all[index], 1, 9) == 'consumer:' and string.match(all[index + 1], '^1 (%d+) ')
            if seen and seen + memory * 1000 < now then redis.call('HDEL', key, all[index]) end
          end
        end
        local field, value = 'consumer:' .. ARGV[1], '1 ' .. string.format('%.0f', now) .. ' ' .. ARGV[2]

        """ + writing + """
            return 'checkedIn ' .. string.format('%.0f', now) .. ' ' .. (till > now and string.format('%.0f', till) or '-')
            """

    /// Arguments: id.
    static let checkingOut = """
        redis.call('HDEL', key, 'consumer:' .. ARGV[1])
        return 'checkedOut'
        """

    /// Arguments: duration in µs or `-`, by whom, why, memory in ms.
    static let pausing =
        """
        local memory = ARGV[4]
        if till <= now then since = string.format('%.0f', now) end
        till = ARGV[1] == '-' and 9007199254740992 or math.min(now + ARGV[1], 9007199254740992)
        local field, value = 'pause', '1 ' .. since .. ' ' .. string.format('%.0f', till) .. ' ' .. ARGV[2] .. ' ' .. ARGV[3]

        """ + writing + "return 'paused'"

    /// Arguments: memory in ms.
    static let resuming = """
        if not pause then return 'absent' end
        redis.call('PEXPIRE', key, ARGV[1])
        redis.call('HDEL', key, 'pause')
        return till > now and 'resumed' or 'absent'
        """
}
