"""
A member's points of one unit: lots, what holds have set aside out of them, and
debt, kept as lines that are only ever added.  What lapsed and what is there at
an instant is computed from the lines.
"""

from fractions import Fraction

from clock import INF, NINF

ZERO = Fraction(0)


# ---------------------------------------------------------------- lines

class Line(tuple):
    """A line that knows when it was written: lines of one tick were written together."""


class Spent(tuple):
    """A line by which points are spent, set aside or given back: no matter to tiers (5)."""


class Carried(tuple):
    """A line by which points go over into the next period (5, rollover)."""


class Lines(list):
    """Lines in the order in which they were written."""

    tick = 0

    def append(self, line):
        if not isinstance(line, Line):      # else a copy of all is being made
            spent, carried, line = isinstance(line, Spent), isinstance(line, Carried), Line(line)
            line.spent, line.carried, line.tick = spent, carried, Lines.tick
        list.append(self, line)


def is_spent(line):
    return line.spent if isinstance(line, Line) else isinstance(line, Spent)


def is_carried(line):
    return line.carried if isinstance(line, Line) else isinstance(line, Carried)


def tick_of(line):
    """Lines of copies, which nobody wrote yet, come last."""
    return line.tick if isinstance(line, Line) else INF


# ---------------------------------------------------------------- lots

class Lot:
    """Points of one unit valid in one range; a lot without an end follows the last activity."""

    def __init__(self, start, end):
        self.start, self.end = start, end
        self.lines = Lines()        # (occurred_at, posted_at, points[, since when they were out of the lot])
        self.excuses = []           # lapsed points that a decrease counted as taken back: (occurred_at, posted_at, points)
        self.extended = False       # made by return_grace: what returns to it is not extended again

    @property
    def excused(self):
        return sum((x[2] for x in self.excuses), ZERO)

    def total(self):
        return sum((x[2] for x in self.lines), ZERO)


class Hold:
    """Pieces set aside until a deadline, in the order in which they would be spent."""

    def __init__(self, made, deadline, pieces):
        self.made, self.deadline = made, deadline
        self.pieces = pieces        # [(lot, points)]
        self.closed = None          # when it was captured, released or lapsed

    def points(self):
        return sum((n for _, n in self.pieces), ZERO)


class Purse:
    """
    One member's balance of one unit.  Lines are only ever added; what lapsed
    and what is there at an instant is computed from them.
    """

    def __init__(self, span=None):
        self.span = span            # (period, zone) where lots follow the last activity
        self.lots = {}
        self.debt_lines = Lines()
        self.activity = []          # sorted instants of earning, (occurred_at, posted_at)
        self.known = (None, None)   # what activities() has computed, and for what
        self.holds = []
        self.settled = NINF
        self.repaid = False         # time alone has repaid debt
        self.carrier, self.known_at = None, INF     # who knows what goes over into the next period, as known then

    def copy(self):
        p = Purse(self.span)
        for k, lot in self.lots.items():
            p.lots[k] = Lot(*k)
            p.lots[k].lines = list(lot.lines)
            p.lots[k].excuses = list(lot.excuses)
        p.holds = [p.same_hold(x) for x in self.holds]
        p.debt_lines = list(self.debt_lines)
        p.activity = self.activity
        p.settled = self.settled
        p.carrier, p.known_at = self.carrier, self.known_at
        return p

    def lot(self, start, end):
        k = (start, end)
        if k not in self.lots:
            self.lots[k] = Lot(start, end)
        return self.lots[k]

    def same_hold(self, hold):
        """A hold of another purse over this purse's lots."""
        new = Hold(hold.made, hold.deadline, [(self.lot(x.start, x.end), n) for x, n in hold.pieces])
        new.closed = hold.closed
        return new

    # -- what time does

    def activities(self):
        """
        Instants of activity: those that were one when they were posted, and those at which what used up an excuse
        earns after all, because the lapse was undone since.
        """
        used_up = sorted(((x[0], x[1], lot, i) for lot in self.lots.values() for i, x in enumerate(lot.excuses)
                          if x[2] < 0), key=lambda x: x[:2])
        if not used_up:
            return self.activity
        state = (list(self.activity), [(k, list(x.lines), list(x.excuses)) for k, x in self.lots.items()])
        if self.known[0] == state:
            return self.known[1]
        found = list(self.activity)
        for when, posted, lot, i in used_up:
            self.known = (state, found)
            if self.story(lot, when, i)[3] > 0 and (when, posted) not in found:
                found = sorted(found + [(when, posted)])
        self.known = (state, found)
        return found

    def lapses(self, at):
        """
        The instants up to `at` at which the lots that follow the last activity
        lapsed: the latest that was known then, if dated ahead.
        """
        out = []
        activity = self.activities()
        for i, (t, _) in enumerate(activity):
            end = self.span[0].end(t, self.span[1])
            later = activity[i + 1:]
            if end <= at and (not later or end <= later[0][0]) and not any(posted < end for _, posted in later):
                out.append(end)
        return out

    def end_of(self, lot):
        """When a lot ends as things stand."""
        if lot.end is not None:
            return lot.end
        activity = self.activities()
        return self.span[0].end(activity[-1][0], self.span[1]) if activity else INF

    def state(self, lot, at):
        """(points there, points lapsed unspent and not excused) of a lot at an instant."""
        balance, lapsed, excused, _ = self.story(lot, at)
        return (balance, lapsed - excused)

    def story(self, lot, at, asked=None):
        """
        (points there, points lapsed unspent, of these excused) of a lot at an instant; what an excuse gives after all.
        """
        if lot.end is not None:
            total = lot.total()
            return (total, ZERO, ZERO, ZERO) if at < lot.end else (ZERO, total, lot.excused, ZERO)
        balance, lapsed, excused, after_all = ZERO, ZERO, ZERO, ZERO
        steps = sorted([(x[0], 0, x, None) for x in lot.lines] + [(x[0], 1, x, i) for i, x in enumerate(lot.excuses)],
                       key=lambda x: x[:2])
        lapses, last = self.lapses(at), NINF
        for when, excuse, line, which in steps:
            n = line[2]
            while lapses and lapses[0] <= when:
                last = lapses.pop(0)
                lapsed += max(balance, ZERO)
                balance = min(balance, ZERO)
            if not excuse:
                # what was out of the lot when it lapsed, and comes back, is over, too; so is what comes
                # without an activity while the latest lies too long ago
                if len(line) > 3 and line[3] < last or n > 0 and self.over(when):
                    lapsed += n
                else:
                    balance += n
                # what was spent before it was known to have lapsed has not
                if n < 0 and balance < 0 and lapsed > 0:
                    back = min(lapsed, -balance)
                    lapsed -= back
                    balance += back
                continue
            # what was excused because of a lapse that was undone since is taken after all
            some = max(min(n, lapsed - excused), -excused)
            excused += some
            balance -= n - some
            if excuse and which == asked:
                after_all = some - n
        if lapses:
            lapsed += max(balance, ZERO)
            balance = min(balance, ZERO)
        return (balance, lapsed, excused, after_all)

    def over(self, at):
        """Whether the period since the last activity, up to an instant or known by then, is over at it."""
        before = [t for t, posted in self.activities() if t <= at or posted <= at]
        return bool(before) and self.span[0].end(before[-1], self.span[1]) <= at

    def points(self, lot, at):
        return self.state(lot, at)[0]

    def debt(self):
        return sum((x[2] for x in self.debt_lines), ZERO)

    def ordered(self, lots):
        """Nearest end first, never-ending last; ties: earlier activation (3), and what can no more be extended."""
        return sorted(lots, key=lambda x: (self.end_of(x), x.start, x.end is None))

    def active(self, at):
        return self.ordered([x for x in self.lots.values() if x.start <= at and self.points(x, at) > 0])

    def pending(self, at):
        return self.ordered([x for x in self.lots.values() if x.start > at and self.points(x, at) > 0])

    def repay(self, at, posted_at):
        """Everything that is available repays debt (3)."""
        owed = self.debt()
        if owed <= 0:
            return
        for lot in self.active(at):
            n = min(owed, self.points(lot, at))
            lot.lines.append((at, posted_at, -n))
            self.debt_lines.append((at, posted_at, -n))
            owed -= n
            if owed == 0:
                return

    def settle(self, upto):
        """Take due instants in order up to an instant: expire, activate, lapse holds, repay (0)."""
        if upto <= self.settled:
            return
        due = {x.deadline for x in self.open_holds() if x.deadline <= upto}
        if self.debt() > 0:
            due |= {x.start for x in self.lots.values() if self.settled < x.start <= upto}
        if self.carrier:
            due |= {x.end for x in self.lots.values() if self.settled < x.end <= upto}
        while due:                              # anybody who looks knows it then
            instant = min(due)
            due.discard(instant)
            for hold in self.open_holds():
                if hold.deadline == instant:
                    self.give_back(hold, instant)
            owed = self.debt()
            self.repay(instant, instant)
            self.repaid |= self.debt() < owed
            points, end = self.carrier.due(self, instant) if self.carrier else (ZERO, INF)
            if points > 0:
                self.lot(instant, end).lines.append(Carried((instant, instant, points)))
                due |= {end} if end <= upto else set()
        self.settled = upto

    # -- holds

    def open_holds(self):
        return [x for x in self.holds if x.closed is None]

    def held(self, at):
        """Points set aside at an instant not before the last movement."""
        return sum((x.points() for x in self.open_holds() if at < x.deadline), ZERO)

    def give_back(self, hold, at):
        """A hold is released, or lapses: its pieces are in their lots again."""
        for lot, n in hold.pieces:
            lot.lines.append(Spent((at, at, n, hold.made)))
        hold.closed = at

    # -- spending

    def draw(self, points, at, kind=Spent, posted_at=None):
        """Take points out of the lots that end first (3): [(lot, points)] in that order."""
        pieces = []
        for lot in self.active(at):
            n = min(points, self.points(lot, at))
            if n > 0:
                lot.lines.append(kind((at, at if posted_at is None else posted_at, -n)))
                pieces.append((lot, n))
                points -= n
        assert points == 0
        return pieces

    def put_back(self, pieces, points, at, grace_end):
        """
        Return points of drawn pieces, [[lot, points, since when]], last drawn
        first: to their lots, or if those end before grace_end and were not
        extended before, to a lot that ends then (3, Return).
        """
        for piece in reversed(pieces):
            lot, n, since = piece
            n = min(n, points)
            if n == 0:
                continue
            points -= n
            piece[1] -= n
            end = self.own_end(lot, since, at)
            if grace_end > end and not lot.extended:
                new = self.lot(at, grace_end)
                new.extended = True
                new.lines.append(Spent((at, at, n)))
            else:
                lot.lines.append(Spent((at, at, n, since)))
        assert points == 0
        self.repay(at, at)

    def own_end(self, lot, since, at):
        """When points that have been out of a lot since an instant end."""
        if lot.end is not None:
            return lot.end
        return next((x for x in self.lapses(at) if x > since), self.end_of(lot))

    # -- reading

    def known_by(self, known_at):
        """The purse as it was known by an instant."""
        p = Purse(self.span)
        p.carrier, p.known_at = self.carrier, known_at
        p.settled = min(self.settled, known_at)
        for k, lot in self.lots.items():
            p.lots[k] = Lot(*k)
            p.lots[k].lines = [x for x in lot.lines if x[1] <= known_at]
        p.debt_lines = [x for x in self.debt_lines if x[1] <= known_at]
        p.activity = [x for x in self.activity if x[1] <= known_at]
        return p

    def read(self, at):
        """(available exact, pending, debt) at an instant not before the last movement."""
        p = self
        if at > self.settled:
            p = self.copy()
            p.settle(at)
        active = sum((p.points(x, at) for x in p.active(at)), ZERO)
        pending = sum((p.points(x, at) for x in p.pending(at)), ZERO)
        return (max(ZERO, active - p.debt()), pending, p.debt())

    def read_past(self, at, known_at=INF):
        """Available at an instant from the lines that had taken effect and were known by then."""
        p = Purse(self.span)
        p.carrier, p.known_at = self.carrier, known_at
        p.settled = min(at, known_at)
        for k, lot in self.lots.items():
            lines = [x for x in lot.lines if x[0] <= at and x[1] <= known_at]
            if lines:
                p.lots[k] = Lot(*k)
                p.lots[k].lines = lines
                p.lots[k].excuses = [x for x in lot.excuses if x[0] <= at and x[1] <= known_at]
        p.debt_lines = [x for x in self.debt_lines if x[0] <= at and x[1] <= known_at]
        p.activity = [x for x in self.activity if (x[0] <= at or x[1] <= at) and x[1] <= known_at]
        seen = min(at, known_at)
        p.holds = [p.same_hold(x) for x in self.holds
                   if x.made <= seen and (x.closed is None or x.closed > seen)]
        for hold in p.holds:
            hold.closed = None
        p.settle(at)
        active = sum((p.points(x, at) for x in p.active(at)), ZERO)
        return max(ZERO, active - p.debt())

    def expired(self, at):
        """Points that lapsed unspent up to an instant, and were not carried over."""
        p = self
        if at > self.settled:
            p = self.copy()
            p.settle(at)
        carried = sum((x[2] for lot in p.lots.values() for x in lot.lines if is_carried(x) and x[0] <= at), ZERO)
        return sum((p.story(x, at)[1] for x in p.lots.values()), ZERO) - carried
