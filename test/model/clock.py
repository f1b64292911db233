"""
Time for the model: instants are whole microseconds since 1970-01-01 UTC, so
that they compare and hash fast; periods and calendar spans follow section 6
of the semantics.
"""

import re
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

INF = 1 << 62
NINF = -INF
SECOND = 1000000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR

EPOCH = datetime(1970, 1, 1)
EPOCH_UTC = datetime(1970, 1, 1, tzinfo=timezone.utc)


def naive(us):
    """Microseconds on a wall clock as a datetime."""
    return EPOCH + timedelta(microseconds=us)


def wall(dt):
    """A wall clock's datetime in microseconds."""
    return (dt - EPOCH) // timedelta(microseconds=1)


def to_local(instant, zone):
    """The wall clock of a zone at an instant."""
    return (EPOCH_UTC + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def to_instant(local, zone):
    """
    The instant of a wall clock's reading, as AT TIME ZONE resolves it: a
    missing time with the offset before the gap, a double time as the second.
    """
    z = ZoneInfo(zone)
    first = local.replace(tzinfo=z, fold=0).utcoffset()
    second = local.replace(tzinfo=z, fold=1).utcoffset()
    offset = first
    if first > second:          # the clock went back: the reading exists twice
        offset = second
    return wall(local - offset)


def at(text, zone='UTC'):
    """An instant from '2026-03-07', '2026-03-07 12:00' or with seconds, read in a zone."""
    return to_instant(datetime.fromisoformat(text), zone)


def show(instant):
    """An instant for people and for SQL."""
    if instant is None:
        return 'NULL'
    if instant >= INF:
        return 'infinity'
    if instant <= NINF:
        return '-infinity'
    d = EPOCH_UTC + timedelta(microseconds=instant)
    return d.strftime('%Y-%m-%d %H:%M:%S') + ('.%06d' % d.microsecond if d.microsecond else '') + '+00'


def add_months(local, n):
    """Calendar months later, the day clipped to the month's length."""
    y, m = divmod(local.year * 12 + local.month - 1 + n, 12)
    m += 1
    for day in range(local.day, 27, -1):
        try:
            return local.replace(year=y, month=m, day=day)
        except ValueError:
            continue
    return local.replace(year=y, month=m)


def truncate(local, span):
    """The start of the calendar span that contains a wall clock's reading."""
    d = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if span == 'day':
        return d
    if span == 'week':
        return d - timedelta(days=d.weekday())
    if span == 'month':
        return d.replace(day=1)
    if span == 'quarter':
        return d.replace(month=(d.month - 1) // 3 * 3 + 1, day=1)
    if span == 'year':
        return d.replace(month=1, day=1)
    raise AssertionError(span)


def next_boundary(local, span):
    """The first boundary of a calendar span strictly after."""
    d = truncate(local, span)
    if span == 'day':
        return d + timedelta(days=1)
    if span == 'week':
        return d + timedelta(days=7)
    return add_months(d, {'month': 1, 'quarter': 3, 'year': 12}[span])


def span_start(instant, span, zone):
    """Where the calendar span around an instant starts; 'ever' starts nowhere."""
    if span == 'ever':
        return NINF
    return to_instant(truncate(to_local(instant, zone), span), zone)


PERIOD = re.compile(r'^(?:(\d+) (hour|day|week|month|year)s?)?(?: ?to end of (day|week|month|quarter|year))?'
                    r'( since last activity)?$')


class Period:
    """From an anchor to an end, see the type `period`."""

    def __init__(self, text):
        self.text = text
        self.never = text == 'never'
        self.count, self.length, self.to_end, self.since_activity = 0, None, None, False
        if text not in ('never', 'immediately'):
            m = PERIOD.match(text)
            if not m:
                raise ValueError('not a period: ' + text)
            self.count = int(m.group(1) or 0)
            self.length = m.group(2)
            self.to_end = m.group(3)
            self.since_activity = bool(m.group(4))

    def end(self, anchor, zone):
        """The instant at which the period that starts at anchor ends."""
        if self.never:
            return INF
        if self.length == 'hour':
            anchor += self.count * HOUR
        elif self.length:
            local = to_local(anchor, zone)
            if self.length == 'day':
                local += timedelta(days=self.count)
            elif self.length == 'week':
                local += timedelta(days=7 * self.count)
            elif self.length == 'month':
                local = add_months(local, self.count)
            else:
                local = add_months(local, 12 * self.count)
            anchor = to_instant(local, zone)
        if self.to_end:
            anchor = to_instant(next_boundary(to_local(anchor, zone), self.to_end), zone)
        return anchor
