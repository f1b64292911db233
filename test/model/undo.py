"""
Corrections by hand, for the model: points given or taken as calls that can be
undone, reverse(), and bonuses that grow until they are claimed.
"""

from clock import Period
from purse import ZERO
from spending import Call, refuse

UNDOABLE = ('spend', 'hold', 'redeem', 'hold_reward', 'transfer', 'adjusted', 'claim')


class Bonus:
    """Points offered to a member, worth more the longer they are not claimed."""

    def __init__(self, member, unit, principal, step, every, max_growth, offered_at, ends_at):
        self.member, self.unit, self.principal, self.step = member, unit, principal, step
        self.every, self.max_growth, self.offered_at, self.ends_at = every, max_growth, offered_at, ends_at
        self.claimed = None         # the call that claimed it


def times(period, n):
    """A period so many times."""
    return Period('%d %s' % (n * period.count, period.length))


class Undoing:
    """Mixed into Program."""

    def init_undoing(self):
        self.bonuses = {}           # number -> Bonus

    # -- giving and taking, without a call of their own

    def put_in(self, member, unit, points):
        """Points given now; the lot."""
        now, purse = self.ready(member, unit)
        u = self.units[unit]
        lot = purse.lot(now, None if u.expires.since_activity else u.expires.end(now, self.zone_of(member)))
        lot.lines.append((now, now, points))
        purse.repay(now, now)
        self.last_at[member] = now
        return lot

    def take_back(self, member, unit, points, own, forgive=None):
        """
        Takes back what was given in some lots, [[lot, points]]: what lapsed of
        it is excused, then it is taken out of these lots, then out of others,
        the rest is owed or forgiven, as with an event that shrinks (2).
        """
        now, purse = self.ready(member, unit)
        rest = points
        for lot, share in own:
            lapsed = min(rest, share, purse.state(lot, now)[1])
            if lapsed > 0:
                lot.excuses.append((now, now, lapsed))
            got = min(rest - lapsed, share - lapsed, max(purse.points(lot, now), ZERO))
            if got > 0:
                lot.lines.append((now, now, -got))
            rest -= lapsed + got
        for lot in sorted(purse.pending(now), key=lambda x: (-x.start, purse.end_of(x))) + purse.active(now):
            got = min(rest, purse.points(lot, now))
            if got > 0:
                lot.lines.append((now, now, -got))
                rest -= got
        if rest > 0 and not (self.units[unit].on_shortfall == 'forgive' if forgive is None else forgive):
            purse.debt_lines.append((now, now, rest))
        self.last_at[member] = now

    # -- adjust() as a call

    def adjusted(self, no, member, unit, points, expires_at=None, allow_debt=False, key=None):
        def act():
            refuse((['LY002'] if member not in self.members else []) + self.amount(unit, abs(points)))
            now, purse = self.ready(member, unit)
            call = Call(no, 'adjust', member, unit, points, now)
            if points > 0:
                u = self.units[unit]
                end = expires_at if expires_at is not None else None if u.expires.since_activity \
                    else u.expires.end(now, self.zone_of(member))
                refuse([] if end is None or end > now else ['22023'])
                lot = purse.lot(now, end)
                lot.lines.append((now, now, points))
                call.pieces = [[lot, points]]
                purse.repay(now, now)
            else:
                left = -points
                refuse([] if allow_debt or left <= sum((purse.points(x, now) for x in purse.active(now)), ZERO) else ['LY001'])
                for lot, n in purse.draw(min(left, sum((purse.points(x, now) for x in purse.active(now)), ZERO)), now, tuple):
                    call.pieces.append([lot, n])
                    left -= n
                if left > 0:
                    purse.debt_lines.append((now, now, left))
                    call.pieces.append([None, left])
            self.last_at[member] = now
            return call
        return self.called(no, key, ('adjust', member, unit, points, expires_at, allow_debt), act)

    # -- reverse()

    def reverse(self, no, target):
        call = self.calls[target]
        self.tick()
        if call.status == 'reversed':
            refuse(['55000'])
        n = call.points
        if call.kind in ('adjust', 'claim'):
            self.reverse_adjustment(call)
            n = -n
        elif call.kind == 'transfer':
            self.reverse_transfer(call)
        else:
            n = self.reverse_spending(call)
        call.status = 'reversed'
        self.calls[no] = Call(no, 'reverse', call.member, call.unit, n, self.now(call.member))
        return True

    def reverse_spending(self, call):
        """What is left of a spending comes back, what is set aside is free again."""
        now, purse = self.ready(call.member, call.unit)
        if call.status == 'held':
            refuse([] if call.hold.closed is None else ['LY008'])
            purse.give_back(call.hold, now)
            purse.repay(now, now)
            if call.reward:
                self.release_codes(call)
            self.last_at[call.member] = now
            return call.points
        refuse(['LY008'] if call.status == 'released' else [])
        refuse([] if call.left() > 0 or call.reward and call.cancelled < call.quantity else ['55000'])
        codes, lacking = self.codes_to_take_back(call, call.quantity - call.cancelled) if call.reward else ([], [])
        refuse(lacking)
        n = call.left()
        self.give(call.member, call.unit, call.pieces, n)
        call.returned += n
        if call.reward:
            call.cancelled = call.quantity
            call.told = self.take_codes_back(call, codes)
        return n

    def reverse_adjustment(self, call):
        now, purse = self.ready(call.member, call.unit)
        if call.points > 0:
            self.take_back(call.member, call.unit, call.points, call.pieces)
            return
        u = self.units[call.unit]
        end = None if u.expires.since_activity else u.expires.end(now, self.zone_of(call.member))
        for lot, n in call.pieces:
            if lot is None:         # what is still owed is not any more; what was repaid since comes back anew
                owed = min(n, purse.debt())
                if owed > 0:
                    purse.debt_lines.append((now, now, -owed))
                if n > owed:
                    purse.lot(now, end).lines.append((now, now, n - owed))
            else:
                lot.lines.append((now, now, n, call.at))
        purse.repay(now, now)
        self.last_at[call.member] = now

    def reverse_transfer(self, call):
        """It goes back; what the receiver has not got any more it owes, or nothing happens."""
        now, purse = self.ready(call.member, call.unit)
        other = self.ready(call.receiver, call.unit)[1]
        lapsed = sum((min(n, other.state(lot, now)[1]) for lot, n in call.received), ZERO)
        if self.units[call.unit].on_shortfall == 'forgive':
            refuse([] if other.read(now)[0] + lapsed >= call.points else ['LY001'])
        self.take_back(call.receiver, call.unit, call.points, call.received, forgive=False)
        for lot, n in call.pieces:
            lot.lines.append((now, now, n, call.at))
        purse.repay(now, now)
        self.last_at[call.member] = now

    # -- bonuses

    def bonus(self, no, member, unit, principal, step, every, max_growth, offered_at, ends_at):
        at = self.clock if offered_at is None else offered_at
        self.bonuses[no] = Bonus(member, unit, principal, step, Period(every), max_growth, at, ends_at)

    def bonus_value(self, bonus, now):
        """The principal and a step for every full period, counted from the offer; (4, issue) up to the maximum."""
        n = 0
        while times(bonus.every, n + 1).end(bonus.offered_at, self.zone_of(bonus.member)) <= now:
            n += 1
        growth = n * bonus.step
        return bonus.principal + (growth if bonus.max_growth is None else min(growth, bonus.max_growth))

    def bonus_status(self, bonus):
        if bonus.claimed is not None:
            return 'claimed'
        if bonus.ends_at is not None and bonus.ends_at <= self.clock:
            return 'ended'
        return 'to come' if bonus.offered_at > self.clock else 'open'

    def claim(self, no, bonus):
        b = self.bonuses[bonus]
        if b.claimed is not None:   # the same again
            self.calls[no] = b.claimed
            return False
        refuse(self.who(b.member))
        refuse([] if self.bonus_status(b) == 'open' else ['LY004'])
        self.tick()
        now, purse = self.ready(b.member, b.unit)
        u = self.units[b.unit]
        zone = self.zone_of(b.member)
        n = self.bonus_value(b, now)
        lot = purse.lot(u.activates.end(now, zone), None if u.expires.since_activity else u.expires.end(now, zone))
        lot.lines.append((now, now, n))
        purse.repay(now, now)
        self.last_at[b.member] = now
        call = b.claimed = self.calls[no] = Call(no, 'claim', b.member, b.unit, n, now)
        call.pieces = [[lot, n]]
        return True
