#!/usr/bin/env python3
"""Computes Ticks.json: the ticks that RecurrenceTableTests expects, by other means than the package's own.

    pip install cronsim==2.8          # in an environment of its own; Python 3.9 or later, with its time zones
    python3 ticks.py > Ticks.json

Nothing here jumps. Crontabs whose hours are certain ones are taken day by day, each local time turned into an
instant by Python's zoneinfo; one that does not exist is moved on minute by minute until it does. The others are tried
minute by minute (second by second where there is a field of seconds), by what the local clock shows.

Then cronsim, which does as Debian's cron does, is asked for the same ticks. Where it disagrees, the case says why
("cronsim"), and the script fails where there is no reason to (see difference).
"""
import json
import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from cronsim import CronSim

UTC = timezone.utc
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "sun mon tue wed thu fri sat".split()
WORDS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}


def numbers(text, low, high, names=()):
    found = set()
    for item in text.lower().split(","):
        base, _, step = item.partition("/")
        if base in ("*", "?"):
            first, last = low, high
        else:
            ends = [names.index(e) if e in names else int(e) for e in base.split("-")]
            first, last = ends[0], ends[-1]
            if names and low == 0 and last == 0 and first > 0:
                last = 7
            if step and len(ends) == 1:
                last = high
        found |= set(range(first, last + 1, int(step or 1)))
    return found


class Crontab:
    def __init__(self, text):
        fields = WORDS.get(text.lower(), text).split()
        self.has_seconds = len(fields) == 6
        if not self.has_seconds:
            fields = ["0"] + fields
        second, minute, hour, day, month, weekday = fields
        self.seconds = sorted(numbers(second, 0, 59))
        self.minutes = sorted(numbers(minute, 0, 59))
        self.hours = sorted(numbers(hour, 0, 23))
        self.elapsed = len(self.hours) == 24 or ("," not in hour and hour.startswith("*"))
        self.last = "L" in day.upper().split(",")
        dates = ",".join(d for d in day.split(",") if d.upper() != "L")
        self.days = numbers(dates, 1, 31) if dates else set()
        self.months = numbers(month, 1, 12, [""] + MONTHS)
        self.weekdays = {w % 7 for w in numbers(weekday, 0, 6, WEEKDAYS)}
        self.both = any("," not in f and f[0] in "*?" for f in (day, weekday))

    def has_day(self, day):
        if day.month not in self.months:
            return False
        by_date = day.day in self.days or (self.last and (day + timedelta(days=1)).day == 1)
        by_weekday = day.isoweekday() % 7 in self.weekdays
        return by_date and by_weekday if self.both else by_date or by_weekday

    def shown(self, zone, after):
        """Instants at which the clock shows a time of these."""
        step = timedelta(seconds=1 if self.has_seconds else 60)
        now = after.replace(microsecond=0, second=after.second if self.has_seconds else 0)
        while True:
            now += step
            local = now.astimezone(zone)
            if (self.has_day(local.date()) and local.hour in self.hours and local.minute in self.minutes
                    and local.second in self.seconds and now > after):
                yield now

    def kept(self, zone, after):
        """Appointments, each once."""
        day = after.astimezone(zone).date() - timedelta(days=3)
        latest = after
        while day.year < 2500:
            if self.has_day(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        for second in self.seconds:
                            time = instant(datetime(day.year, day.month, day.day, hour, minute, second), zone)
                            if time > latest:
                                latest = time
                                yield time
            day += timedelta(days=1)

    def ticks(self, zone, after, count):
        found = []
        for tick in (self.shown if self.elapsed else self.kept)(zone, after):
            found.append(tick)
            if len(found) == count:
                break
        return found


def instant(local, zone):
    while True:
        time = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if time.astimezone(zone).replace(tzinfo=None) == local:
            return time
        # What is skipped here begins and ends with whole minutes.
        local = local.replace(second=0) + timedelta(minutes=1)


BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
KATHMANDU, SAO_PAULO, APIA, CHATHAM = "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia", "Pacific/Chatham"

PLAIN = """
* * * * *|*/15 * * * *|0 * * * *|30 * * * *|5,35 * * * *|*/7 * * * *|59 23 * * *|0 0 * * *|0 9 * * 1-5|0 9 * * mon-fri
15 10 * * SAT,SUN|0 0 * * 7|0 0 * * 0|0 12 * * 5-7|0 12 * * fri-sun|30 6 1 * *|0 0 31 * *|0 0 30 * *|0 0 L * *
45 23 L * *|0 8 1,15,L * *|0 0 29 2 *|0 0 29 2 */6|0 0 L 2 *|0 0 13 * 5|0 0 1-7 * mon|0 9 */2 * fri|0 9 * * */2
0 9 1-31 * mon|0 9 10 * 0-6|0 0 1 1 *|59 23 31 12 *|0 0 1 */3 *|0 0 1 jan,jul *|0 0 1 JAN-MAR,oct *
20-40/10 8-18/5 * * *
10/20 3 * * *|0 22-23,0-2 * * *|1,2,3,58-59 0 * * *|0 */2 * * *|0 */5 * * *|*/20,5 4 * * *|0 0 ? * tue|0 0 25 12 ?
0 18 28-31 * *|17 3 2-30/7 4-6 *|0 0 */10 * *|0 5 * 2 *|*/30 9-16 * * 2,4|0 0 31 1,3,4 *|0 0 1 * 1|30 7 L * fri
@hourly|@daily|@midnight|@weekly|@monthly|@yearly|@annually
*/10 * * * * *|0 0 12 * * *|30 15 10 * * mon|0,30 59 23 31 12 *|5/25 0 0 1 1 ?|59 59 23 L * *|7 */30 * * * *
"""
SHIFTED = """
30 2 * * *|0 2 * * *|0 3 * * *|30 1 * * *|0 1 * * *|15,45 1-3 * * *|*/15 2 * * *|*/15 1 * * *|*/15 * * * *|0 * * * *
*/20 */2 * * *|0 */2 * * *|0 0-23 * * *|0 0,1,2,3 * * *|30 0 * * *|0 0 * * *|45 2 * * sun|* 2 * * *|10 30 2 * * *
*/20 * * * * *|15 2 * * *|@daily|@hourly
"""

# What is asked: texts, a zone, an instant, how many ticks.
ASKED = [(PLAIN, "GMT", ["2026-02-27T23:58:30.250Z"], 10), (PLAIN, KATHMANDU, ["2027-12-30T18:14:59Z"], 5)]
for zone, changes in [
    (BERLIN, ["2026-03-28T23:10:00Z", "2026-10-24T22:40:00Z"]),
    (NEW_YORK, ["2026-03-08T05:10:00Z", "2026-11-01T04:40:00Z"]),
    (LORD_HOWE, ["2026-10-03T13:40:00Z", "2026-04-04T13:10:00Z"]),
]:
    ASKED.append((SHIFTED, zone, changes, 12))
ASKED += [
    # Midnight is skipped; a whole day is; a zone with 45 minutes changes.
    ("0 0 * * *|30 0 * * sun|0 * * * *|*/30 0 * * *|0 */3 * * *", SAO_PAULO, ["2018-11-03T12:00:00Z"], 6),
    ("0 0 * * *|0 12 30 * *|0 9 * * fri|0 */6 * * *|0 * * * *", APIA, ["2011-12-29T20:30:00Z"], 15),
    ("0 3 * * *|50 2 * * *|*/15 * * * *|0 0 1 * *", CHATHAM, ["2026-09-25T12:00:00Z", "2026-04-03T12:00:00Z"], 8),
    # In the middle of what is skipped or comes twice.
    ("30 2 * * *|*/15 * * * *|0 3 * * *|*/10 2 * * *", BERLIN,
     ["2026-03-29T00:59:59.999Z", "2026-03-29T01:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:10:00Z"], 4),
]

GAP = "of times that are skipped or come twice, it takes other ones where minutes are a star or there are seconds"
HALF_HOUR = "it looks for an hour in steps of one, and misses some where clocks change by half an hour"
ALL_HOURS = "all hours written as a range are certain hours to it"
SECOND_TIME = "asked while a time is shown for the second time, it answers with the first"


def difference(text, zone, after):
    """Why cronsim may give other ticks."""
    fields = WORDS.get(text, text).split()
    if after == "2026-10-25T01:10:00Z":
        return SECOND_TIME
    if len(fields) == 5 and fields[1] == "0-23":
        return ALL_HOURS
    if zone not in ("GMT", KATHMANDU) and not fields[-4].startswith("*") and (
            len(fields) == 6 or fields[0].startswith("*")):
        return GAP
    if zone == LORD_HOWE and fields[-4].startswith("*/"):
        return HALF_HOUR
    return None


def cronsim_ticks(text, zone, after, count):
    text = WORDS.get(text.lower(), text).replace("?", "*").replace("fri-sun", "5-7")
    found = []
    for tick in CronSim(text, after.astimezone(zone)):
        found.append(tick.astimezone(UTC))
        if len(found) == count:
            break
    return found


def written(time):
    text = time.strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{time.microsecond // 1000:03}Z" if time.microsecond else "Z")


def main():
    lines, texts, total, agreed = [], set(), 0, 0
    for group, name, starts, count in ASKED:
        zone = ZoneInfo("UTC" if name == "GMT" else name)
        for text in [t for t in group.replace("\n", "|").split("|") if t]:
            for start in starts:
                after = datetime.fromisoformat(start.replace("Z", "+00:00"))
                rare = "29 2" in text or " 1 1 " in text or "12 *" in text or "25 12" in text
                ticks = Crontab(text).ticks(zone, after, min(count, 4) if rare else count)
                reason = difference(text, name, start)
                agrees = cronsim_ticks(text, zone, after, len(ticks)) == ticks
                agreed += agrees
                if not agrees and reason is None:
                    sys.exit(f"{text!r} {name} {start}: ours {ticks}, cronsim's {cronsim_ticks(text, zone, after, 5)}")
                texts.add(text)
                total += len(ticks)
                case = {"text": text, "zone": name, "after": start, "ticks": [written(t) for t in ticks]}
                lines.append(json.dumps(case if agrees else case | {"cronsim": reason}))
    print("[\n" + ",\n".join(lines) + "\n]")
    print(f"{len(texts)} texts, {len(lines)} cases, {total} ticks; cronsim agrees on {agreed} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
