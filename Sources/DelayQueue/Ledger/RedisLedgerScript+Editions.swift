// The rules of ``JobEditions``: what is read before, and written after, the rules of a job's record are applied to one of
// them; and the scripts that announce, confirm and withdraw an edition.
extension RedisLedgerScript {
    /// Where the value has editions, or an edition is asked about: leaves them in `entries`, each as its four fields; in
    /// `own` the one that is meant, nil where it is not known, and in `current` the one that is the id's; and in `value`
    /// the record of the own one. `stored` is what was found.
    static let opening = """
        local stored, entries, own, current, isOther, date = value
        if edition or value and string.sub(value, 1, 2) == '2\\n' then
          entries = {}
          if value and string.sub(value, 1, 2) ~= '2\\n' then
            entries[1], isOther = {'-', '0', '-', value}, true
          elseif value then
            for line in string.gmatch(string.sub(value, 3) .. '\\n', '([^\\n]*)\\n') do
              local name, date, digest, state = string.match(line, '^(%S+) (%d+) (%S+) (%S.*)$')
              if not name or name ~= '-' and (#name ~= 16 or string.find(name, '[^0-9a-f]'))
                or date + 0 > 9007199254740992
              then
                return 'unreadable'
              end
              local till = string.match(state, '^intended (%d+)$')
              if till and till + 0 > 9007199254740992
                or not till and state ~= 'scheduled' and string.sub(state, 1, 2) ~= '1 '
              then
                return 'unreadable'
              end
              entries[#entries + 1] = {name, date, digest, state}
            end
            value = nil
          end
          local ranks = {claimed = 5, alone = 5, waiting = 4, scheduled = 3, dead = 2, done = 1, revoked = 1}
          local greatest = 0
          for index = 1, #entries do
            local entry = entries[index]
            local rank = ranks[string.match(entry[4], '^1 (%l+)') or entry[4]] or 0
            if rank > greatest then current, greatest = entry, rank end
            if entry[1] == edition then own = entry end
          end
          if not edition then own = current end
          if own and string.sub(own[4], 1, 2) == '1 ' then value = own[4] end
        end

        """

    /// Puts what is to be written into its place among the editions, and makes one text of them.
    static func joining(_ time: String) -> String {
        """
        if record and entries then
          if not now then
        \(time)
          end
          if not own then
            own = {edition or '-', date or string.format('%.0f', now), '-', ''}
            entries[#entries + 1] = own
          end
          own[4] = record
          if record == '1 withdrawn' then
            own[2], own[3] = string.format('%.0f', math.max(own[2], now)), '-'
          end
          local latest, isDead, lines = now, false, {}
          for index = 1, #entries do
            local entry = entries[index]
            if entry[2] + 0 > latest then latest = entry[2] + 0 end
            if string.sub(entry[4], 1, 7) == '1 dead ' then isDead = true end
            lines[index] = table.concat(entry, ' ')
          end
          record = '2\\n' .. table.concat(lines, '\\n')
          ms = isDead and \(longest) or math.min(math.ceil((latest - now) / 1000) + ms, \(longest))
          ms = string.format('%.0f', ms)
        end

        """
    }

    private static let longest = LedgerTimingWords.milliseconds(LedgerTiming.retentionOfDeadJobs)

    /// Whether the edition may be claimed: confirmed, or so late that its call must be thought dead.
    static let claimingEdition = """
        local isKnown
        if entries then
          if ARGV[3] ~= '0' then date = ARGV[3] end
          isKnown = own and not value
          local wait = isKnown and string.match(own[4], '^intended (%d+)$')
          if wait and wait + 0 > now then
            return 'waiting ' .. string.format('%.0f', math.min(wait - now, \(longestLook)))
          end
          if wait and current then record, ms, reply = '1 withdrawn', ARGV[5], 'finished withdrawn' end
          if not own and #entries >= \(JobEditions.maximumCount) then return 'waiting \(longestLook)' end
        end

        """

    static let tellingSchedule = """
        if own and own[4] == 'scheduled' then return 'scheduled ' .. own[2] end

        """

    private static let longestLook = LedgerTimingWords.microseconds(JobEditions.longestLook)

    /// Why an edition of the date, digest and choice in the first three arguments may not be the id's; nil where it may.
    static let refusing = """
        local function refusal()
          if not current then return nil end
          local kind = string.match(current[4], '^1 (%l+) ')
          if current[4] == 'scheduled' or kind == 'waiting' then
            if current[1] ~= '-' and current[3] == ARGV[2] then
              return 'same ' .. current[1] .. ' ' .. current[2]
            end
            if ARGV[3] == '1' then return nil end
            return 'taken ' .. current[2]
          end
          if kind == 'claimed' or kind == 'alone' then
            return 'held ' .. string.format('%.0f', math.max(string.match(current[4], '%d+$') - now, 0))
          end
          return 'finished ' .. kind
        end

        """

    /// Arguments: date in µs, digest, 1 to replace, wait in µs, retention in ms, retention of finished jobs in ms.
    static let intending = """
        if own then return own[4] == '1 withdrawn' and 'finished withdrawn' or 'intended' end
        local refused = refusal()
        if refused then return refused end
        local kept = {}
        for index = 1, #entries do
          local entry = entries[index]
          local till = string.match(entry[4], '^intended (%d+)$')
          local isOver = entry[4] == '1 withdrawn' or till and till + 0 <= now
          if not isOver or math.max(entry[2], till or 0) + ARGV[6] * 1000 >= now then kept[#kept + 1] = entry end
        end
        entries = kept
        if #entries >= \(JobEditions.maximumCount) then return 'full' end
        own = {edition, ARGV[1], ARGV[2], ''}
        entries[#entries + 1] = own
        record = 'intended ' .. string.format('%.0f', math.min(now + ARGV[4], 9007199254740992))
        ms, reply = ARGV[5], 'intended'

        """

    /// Arguments: date in µs, digest, 1 to replace, retention in ms.
    static let confirming = """
        if not own then return 'absent' end
        if own[4] == '1 withdrawn' then return 'finished withdrawn' end
        local wait = string.match(own[4], '^intended (%d+)$')
        if not wait then return 'confirmed' end
        if wait + 0 <= now then return 'absent' end
        local refused = refusal()
        for index = 1, refused and 0 or #entries do
          local entry = entries[index]
          if entry[4] == 'scheduled' or string.sub(entry[4], 1, 10) == '1 waiting ' then
            entry[2], entry[3] = string.format('%.0f', math.max(entry[2], now)), '-'
            entry[4] = '1 withdrawn'
          end
        end
        record, ms, reply = refused and '1 withdrawn' or 'scheduled', ARGV[4], refused or 'confirmed'

        """

    /// Arguments: 1 where no copy exists, retention in ms.
    static let withdrawing = """
        if not own then return 'absent' end
        if own[4] == 'scheduled' then return 'scheduled ' .. own[2] end
        local wait = string.match(own[4], '^intended (%d+)$')
        if wait and wait + 0 <= now then return 'absent' end
        if wait then
          record, ms, reply = '1 withdrawn', ARGV[2], 'withdrawn'
          if ARGV[1] == '1' and #entries > 1 then
            for index = #entries, 1, -1 do
              if entries[index] == own then table.remove(entries, index) end
            end
          end
        end

        """
}
