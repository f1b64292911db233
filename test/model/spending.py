"""
What members do with their points, for the model: spend, hold, capture,
release, cancel, transfer, purchases that are paid with points.  Rewards are in
rewards.py, codes in codes.py, undoing in undo.py.  The numbers in comments are
sections of the semantics.

Calls are known by a number that the caller chooses (the database's own numbers
are nobody's business here).  Where several reasons for a refusal apply, any of
them may be told.
"""

from bisect import insort
from copy import deepcopy
from fractions import Fraction

from clock import NINF, SECOND
from expr import value
from purse import ZERO, Hold, Spent


class Refused(Exception):
    """Something that is refused as a whole; the SQLSTATEs say why."""

    def __init__(self, sqlstate, message='', others=()):
        super().__init__('%s: %s' % (sqlstate, message))
        self.sqlstate = sqlstate
        self.states = {sqlstate} | set(others)


def refuse(why):
    """Refuse if there is any reason."""
    if why:
        raise Refused(why[0], '', why[1:])


class Call:
    """One call that did something, and what became of it."""

    def __init__(self, no, kind, member, unit, points, at):
        self.no, self.kind, self.member, self.unit, self.points, self.at = no, kind, member, unit, points, at
        self.status = 'done'        # or held, captured, released
        self.pieces = []            # [[lot, points still spent, since when]] in the order of consumption
        self.spent = self.returned = ZERO
        self.absent = ZERO          # what a row of history was paid with and was not there
        self.in_history = 0         # pieces taken then
        self.hold = None
        self.reward = self.price = None     # redemptions: which reward, points a piece
        self.price_name = self.money = None
        self.codes = []             # that came with it, in the order drawn
        self.told = []              # those that the latest cancellation ended
        self.quantity = self.cancelled = 0
        self.counted_at = at        # the span in which it counts

    def left(self):
        return self.spent - self.returned

    def pieces_taken(self, now):
        """Pieces of a reward that are gone as of now: captured, or held until later (4)."""
        if self.status in ('released', 'reversed') or self.status == 'held' and self.hold.deadline <= now:
            return 0
        return self.quantity - self.cancelled


class Spending:
    """Mixed into Program."""

    def init_spending(self):
        self.calls = {}             # number -> Call
        self.keys = {}              # key -> (arguments, Call)
        self.spent = {}             # (member, unit) -> points spent net of returns

    # -- what all calls share

    def called(self, no, key, arguments, act):
        """Makes a call once: the same key again changes nothing (4); True when it was made."""
        if key is not None and key in self.keys:
            before, call = self.keys[key]
            if before != arguments:
                raise Refused('LY009', 'key used with other arguments')
            self.calls[no] = call
            return False
        self.tick()
        call = act()
        self.calls[no] = call
        if key is not None:
            self.keys[key] = (arguments, call)
        return True

    def who(self, member):
        """Why somebody cannot."""
        if member not in self.members:
            return ['LY002']
        return [] if self.members[member].status == 'active' else ['LY003']

    def amount(self, unit, points):
        """Why an amount is none."""
        return [] if points > 0 and points % self.units[unit].shown_step == 0 else ['22023']

    def ready(self, member, unit):
        """(now, the purse as it stands then)"""
        now = self.now(member)
        self.tick()
        purse = self.purse(member, unit)
        purse.settle(now)
        return now, purse

    def enough(self, member, unit, points):
        now, purse = self.ready(member, unit)
        return [] if points <= purse.read(now)[0] else ['LY001']

    def take(self, call, points, at=None):
        """Spend now, or what history says at an instant: an activity (3)."""
        if at is None:
            now, purse = self.ready(call.member, call.unit)
            at = now
        else:
            now, purse = self.now(call.member), self.purse(call.member, call.unit)
        call.pieces += [[lot, n, at] for lot, n in purse.draw(points, at, posted_at=now)]
        self.spend_note(call, purse, points, at, now)

    def spend_note(self, call, purse, points, at, now):
        call.spent += points
        k = (call.member, call.unit)
        self.spent[k] = self.spent.get(k, ZERO) + points
        if purse.span:
            insort(purse.activity, (at, now))
        self.last_at[call.member] = now

    def give(self, member, unit, pieces, points):
        """A return (3)."""
        now, purse = self.ready(member, unit)
        grace = self.units[unit].return_grace
        purse.put_back(pieces, points, now, NINF if grace is None else grace.end(now, self.zone_of(member)))
        k = (member, unit)
        self.spent[k] -= points
        self.last_at[member] = now

    # -- plain points

    def spend(self, no, member, unit, points, key=None):
        def act():
            why = self.who(member) + self.amount(unit, points)
            refuse(why or self.enough(member, unit, points))
            call = Call(no, 'spend', member, unit, points, self.now(member))
            self.take(call, points)
            return call
        return self.called(no, key, ('spend', member, unit, points), act)

    def set_aside(self, call, points, seconds):
        """No activity (3)."""
        now, purse = self.ready(call.member, call.unit)
        call.hold = Hold(now, now + seconds * SECOND, purse.draw(points, now))
        call.status = 'held'
        purse.holds.append(call.hold)
        self.last_at[call.member] = now

    def hold(self, no, member, unit, points, seconds, key=None):
        def act():
            why = self.who(member) + self.amount(unit, points) + ([] if seconds > 0 else ['22023'])
            refuse(why or self.enough(member, unit, points))
            call = Call(no, 'hold', member, unit, points, self.now(member))
            self.set_aside(call, points, seconds)
            return call
        return self.called(no, key, ('hold', member, unit, points, seconds), act)

    def capture(self, no, target, points=None, key=None):
        call = self.calls[target]

        def act():
            now, purse = self.ready(call.member, call.unit)
            n = call.points if points is None else points
            why = [] if call.status == 'held' else ['LY008']
            if points is not None:
                why += self.amount(call.unit, n) or (['22023'] if n > call.points else [])
                if call.reward and n % call.price:
                    why.append('22023')
            late = call.status == 'held' and call.hold.closed is not None
            if late:                # it has lapsed: the balance is looked at again, and what is left of a reward
                why += self.who(call.member) + self.enough(call.member, call.unit, n)
                if call.reward:
                    why += self.left_of(call, call.reward, call.member, n / call.price, now)
            ready = []              # codes that were set aside: a capture in time is never short of them
            if call.reward and self.rewards[call.reward].pool is not None and not why:
                r = self.rewards[call.reward]
                ready = self.codes_held(call)[:int(n / call.price)]
                if len(ready) < n / call.price:
                    why += self.codes_lacking(r.pool, n / call.price - len(ready), self.code_end(r, call.member, now))
            refuse(why)
            call.status = 'captured'
            if call.reward:
                call.quantity = n / call.price
                r = self.rewards[call.reward]
                if r.pool is not None:
                    self.capture_codes(no, call, r, ready, self.code_end(r, call.member, now))
            if late:
                call.counted_at = now
                self.take(call, n)
                return call
            left = n
            for lot, m in call.hold.pieces:
                got = min(left, m)
                left -= got
                if got > 0:
                    call.pieces.append([lot, got, call.hold.made])
                if m > got:
                    lot.lines.append(Spent((now, now, m - got, call.hold.made)))
            call.hold.closed = now
            self.spend_note(call, purse, n, now, now)
            purse.repay(now, now)
            return call
        return self.called(no, key, ('capture', call.no, points), act)

    def release(self, no, target, key=None):
        call = self.calls[target]

        def act():
            now, purse = self.ready(call.member, call.unit)
            refuse([] if call.status == 'held' and call.hold.closed is None else ['LY008'])
            purse.give_back(call.hold, now)
            purse.repay(now, now)
            call.status = 'released'
            if call.reward:
                self.release_codes(call)
            self.last_at[call.member] = now
            return call
        return self.called(no, key, ('release', call.no), act)

    def cancel(self, no, target, points=None, quantity=None, key=None):
        call = self.calls[target]

        def act():
            refuse([] if call.status in ('done', 'captured') else ['LY008', '55000'])
            n = call.left() if points is None else points
            why = []
            if quantity is not None:
                if not call.reward or quantity <= 0:
                    refuse(['22023'])
                n = quantity * call.price
            if points is not None:
                why = self.amount(call.unit, n)
                if call.reward and n % call.price:
                    why.append('22023')
            if n > call.left() or call.left() == 0:
                why.append('55000')
            codes, lacking = self.codes_to_take_back(call, n / call.price) if call.reward and not why else ([], [])
            refuse(why + lacking)
            self.give(call.member, call.unit, call.pieces, n)
            call.returned += n
            if call.reward:
                call.cancelled += n / call.price
                call.told = self.take_codes_back(call, codes)
            return call
        return self.called(no, key, ('cancel', call.no, points, quantity), act)

    def transfer(self, no, sender, receiver, unit, points, key=None):
        def act():
            why = self.who(sender) + self.who(receiver) + self.amount(unit, points)
            if sender == receiver:
                why.append('22023')
            if not self.units[unit].transferable:
                why.append('LY010')
            refuse(why or self.enough(sender, unit, points))
            now, purse = self.ready(sender, unit)
            other = self.ready(receiver, unit)[1]
            call = Call(no, 'transfer', sender, unit, points, now)
            call.receiver = receiver
            call.pieces = [list(x) for x in purse.draw(points, now, tuple)]
            call.received = []
            for lot, n in call.pieces:          # lots keep their ends (3.7), or follow the receiver's activity, if there is any
                end = purse.end_of(lot) if lot.end is None and other.over(now) else lot.end
                call.received.append([other.lot(lot.start, end), n])
                call.received[-1][0].lines.append((now, now, n))
            other.repay(now, now)
            self.last_at[sender] = self.last_at[receiver] = now
            return call
        return self.called(no, key, ('transfer', sender, receiver, unit, points), act)


class Paying:
    """Purchases that are paid with points: mixed into Program."""

    def price_in_points(self, source, key):
        """(member, points, amount) that an event's rows ask for now; whatever its condition says (3.9)."""
        member, points, amount = None, ZERO, ZERO
        for k in self.index[source.name].get(key, ()):
            row = self.tables[source.name][k]
            if source.amount is not None:
                amount += value(source.amount, row, None) or ZERO
            n = value(source.spend, row, None) or ZERO
            refuse([] if n >= 0 and n % self.units[source.spend_unit].step == 0 else ['22023'])
            if n == 0 or source.spend_condition is not None and value(source.spend_condition, row, None) is not True:
                continue
            if row[source.member[1]] is None:
                refuse(['22004'])           # nobody pays
            member = row[source.member[1]]
            points += n
        return member, points, max(amount, ZERO)

    def not_allowed(self, source, points, amount):
        """Why a source cannot be paid with so many points, amount being what is paid otherwise."""
        why = []
        if source.spend_step is not None and points % source.spend_step != 0:
            why.append('LY006')
        if source.spend_min is not None and points < source.spend_min or source.spend_max is not None and points > source.spend_max:
            why.append('LY006')
        if source.spend_max_share is not None:
            worth = points * self.units[source.spend_unit].value
            if worth > source.spend_max_share * (amount + worth):
                why.append('LY006')
        return why

    def pay(self, source, e, key, at=None):
        """Bring what an event has taken to what it asks for: before it earns (3.8); at: as far as it was there then."""
        self.tick()
        member, points, amount = self.price_in_points(source, key)
        paid = e.paid
        if paid is not None and paid.member != member:
            paid.absent = ZERO
            if paid.left() > 0:
                self.moved.add(paid.member)
                n = paid.left()
                self.give(paid.member, paid.unit, paid.pieces, n)
                paid.returned += n
        if paid is None or paid.member != member and points > 0:
            if points == 0:
                return
            paid = e.paid = Call(None, 'pay', member, source.spend_unit, ZERO, self.clock)
        difference = points - paid.left() - paid.absent
        if difference != 0:
            self.moved.add(member)
        if at is not None:
            self.pay_history(paid, difference, at)
        elif difference > 0:
            if member not in self.members:
                refuse({'auto': ['LY001', 'LY002'], 'error': ['LY002']}.get(self.enrolment, ['LY001', 'LY002']))
            refuse(self.who(member) + self.amount(paid.unit, difference) + self.not_allowed(source, points, amount) +
                   self.enough(member, paid.unit, difference))
            self.take(paid, difference)
        elif difference < 0:            # the last taken first; what was not there was taken with the first
            later = sum((n for _, n, _ in paid.pieces[paid.in_history:]), ZERO)
            forgotten = min(max(-difference - later, ZERO), paid.absent)
            paid.absent -= forgotten
            n = -difference - forgotten
            if n > 0:
                self.give(paid.member, paid.unit, paid.pieces, n)
                paid.returned += n

    def pay_history(self, paid, points, at):
        """What was not there at that instant is not owed."""
        there = ZERO
        if paid.member in self.members:
            there = min(points, self.shown(paid.unit, self.purse(paid.member, paid.unit).read(at)[0]))
        if there > 0:
            self.take(paid, there, at)
        paid.absent = points - there
        paid.in_history = len(paid.pieces)

    def snapshot(self):
        """What a statement that is refused half-way goes back to."""
        self.walks.clear()
        return deepcopy(self.__dict__)
