"""
Where members stand, for the model: groups of tiers of a program, what late
rows and people with a say do to them, what people see, and what tiers bring
beside points.  How a member gets from instant to instant is in tiers.py.
"""

from collections import Counter
from fractions import Fraction

from clock import DAY, INF, NINF, next_boundary, span_start, to_instant, to_local
from spending import Call, refuse
from purse import ZERO, Carried, is_carried
from tiers import Gift, Group, Tier, Walk


class Carrier:
    """What of a unit's points goes over into the next period of the calendar, for one member."""

    def __init__(self, program, member, unit):
        self.program, self.member, self.unit = program, member, unit

    def __deepcopy__(self, memo):
        return self

    def excess(self, before, ending, at, known_at=INF):
        """
        (points, until when) that go over at an instant, of so many before and
        so many that end then: what is above the highest threshold reached.
        """
        p = self.program
        expires, zone = p.units[self.unit].expires, p.zone_at(self.member, at, known_at)
        if ending <= 0 or to_instant(next_boundary(to_local(at - 1, zone), expires.to_end), zone) != at:
            return ZERO, INF
        for g in p.groups.values():
            ladder = g.ladder(at - 1, known_at)
            if ladder and ladder.unit == self.unit and ladder.rollover == 'excess':
                threshold = ladder.reached(before)
                if threshold > 0:
                    return max(ZERO, min(ending, before - threshold, ladder.rollover_max)), expires.end(at, zone)
        return ZERO, INF

    def due(self, purse, at):
        """The same from a purse that stands there."""
        before = sum((x.total() for x in purse.lots.values() if x.start < at <= x.end), ZERO) - purse.debt()
        return self.excess(before, sum((x.total() for x in purse.lots.values() if x.end == at), ZERO), at, purse.known_at)

    def again(self, purse, since, now):
        """A late row came, dated then: what went over is worked out again."""
        purse.settle(now)
        dated, ideal, out = {}, {}, []
        for lot in purse.lots.values():
            dated[lot] = [(min(x[0], x[1]), x[2]) for x in lot.lines if not (is_carried(x) and x[0] > since)]
        debts = [(min(x[0], x[1]), x[2]) for x in purse.debt_lines]
        instants = {x.end for x in purse.lots.values() if since < x.end <= now}
        while instants:
            at = min(instants)
            instants.discard(at)
            there = {(x.start, x.end): sum((n for t, n in some if t < at), ZERO) for x, some in dated.items()}
            for k, n in ideal.items():
                there[k] = there.get(k, ZERO) + n
            before = sum((n for k, n in there.items() if k[0] < at <= k[1]), ZERO) - sum((n for t, n in debts if t < at), ZERO)
            points, end = self.excess(before, sum((n for k, n in there.items() if k[1] == at), ZERO), at)
            had = [x for x in purse.lots.values() if x.start == at and any(is_carried(y) and y[0] == at for y in x.lines)]
            for lot in had + ([] if points == 0 or any(x.end == end for x in had) else [purse.lot(at, end)]):
                want = points if lot.end == end else ZERO
                ideal[lot.start, lot.end] = want
                more = want - sum((x[2] for x in lot.lines if is_carried(x) and x[0] == at), ZERO)
                if more < 0 and lot.end > now:
                    more = -min(-more, max(ZERO, purse.points(lot, now)))
                if more != 0:
                    lot.lines.append(Carried((at, now, more)))
                    out.append(more)
                if lot.end <= now:
                    instants.add(lot.end)
        purse.repay(now, now)
        return out


class Tiers:
    """Mixed into Program."""

    def init_tiers(self):
        self.benefits = {}          # (tier, name) -> (uses, period)
        self.benefit_uses = []              # Calls
        self.late = set()           # (member, instant) of late rows
        self.kinds = Counter()      # what happened
        self.zones = {}             # member -> [(since when, zone)]
        self.groups = {}            # name -> Group, the first first
        self.gifts = {}             # member -> [Gift]
        self.booked = {}            # (member, group) -> [(Stay, known since)]
        self.walks = {}
        self.one_by_one = True      # not in a backfill

    # -- configuration

    def tiers_change(self, group):
        """From now on; from the beginning as long as nothing has been posted."""
        self.tick()
        self.groups[group].publish(self.clock if self.last_at else NINF)
        self.walks.clear()

    def add_group(self, name, tiers, **settings):
        g = self.groups[name] = Group(name, **settings)
        for x in tiers:
            g.tiers[x['name']] = self.tier(g, x)
        self.tiers_change(name)

    @staticmethod
    def tier(group, x):
        needs = dict(x.get('more', {}))
        if x['threshold'] is not None:
            needs[group.settings['unit']] = x['threshold']
        needs = {u: Fraction(n) for u, n in needs.items()}
        return Tier(x['name'], x['rank'], needs, x.get('qualify', 'all'), life_years=x.get('life_years'))

    def group_of(self, tier):
        return next((g for g in self.groups.values() if tier in g.tiers), None)

    # -- where members live

    def zone_at(self, member, at, known_at=INF):
        """
        The zone in which somebody is judged at an instant: the one of then, but
        the one of when it came for what a late row has judged again.
        """
        zones = []
        for since, zone, posted in self.zones.get(member, ()):
            if posted <= known_at:
                zones = [x for x in zones if x[0] < since] + [(since, zone)]
        if not zones:
            return self.zone_of(member)
        return next(zone for since, zone in reversed(zones) if since <= at) or self.zone

    def move_zone(self, member, zone):
        """To another zone, from now on."""
        m, now = self.members[member], self.now(member)
        if zone != m.zone:
            self.zones.setdefault(member, [(NINF, m.zone, NINF)]).append((now, zone, now))
            m.zone = zone
            self.walks.clear()
            self.kinds['a member moves'] += 1

    # -- walking

    def walk(self, member, group, upto, known_at=INF):
        key = (member, group, upto, known_at)
        if key not in self.walks:
            g = self.groups[group]
            lots, debts = [], []
            for unit in g.units():
                if (member, unit) in self.purses:
                    purse = self.purses[(member, unit)]
                    if known_at < INF or upto > purse.settled:
                        purse = purse.copy()
                        if known_at < INF:
                            purse = purse.known_by(known_at)
                        purse.settle(max(upto, purse.settled) if upto < INF else purse.settled)
                    lots += [(unit, x) for x in purse.lots.values()]
                    debts += [(unit, x) for x in purse.debt_lines]
            gifts = [x for x in self.gifts.get(member, ()) if x.group == group and x.at <= known_at]
            booked = [x for x, known in self.booked.get((member, group), ()) if known <= known_at]
            self.walks[key] = w = Walk(g, lambda at: self.zone_at(member, at, known_at), lots, debts, gifts, booked, upto, known_at)
            w.member = member
        return self.walks[key]

    def tier_at(self, member, group, at=None, known_at=None):
        if member not in self.members:
            return None
        now = self.now(member)
        at = now if at is None else at
        if known_at is not None and known_at < now:
            return self.walk(member, group, max(at, known_at), known_at).tier_at(at)
        return self.walk(member, group, max(at, now)).tier_at(at)

    def tiers_at(self, member, at):
        """group -> tier"""
        return {g: self.tier_at(member, g, at) for g in self.groups}

    def tier_facts(self, tiers):
        return {'tier': next(iter(tiers.values()), None), 'tiers': tiers}

    # -- late rows

    def before_late(self, member, t):
        """
        A line dated t is about to be written: stays that are over stay as long
        as they were.  Returns how things were: group -> walk.
        """
        if not self.groups or not self.one_by_one:
            return {}
        now = self.now(member)
        walks = {g: self.walk(member, g, now) for g in self.groups}
        for g, w in walks.items():
            some = self.booked.setdefault((member, g), [])
            for x in w.stays:
                if x.over == x.until > t and (x.tier, x.at, x.until) not in [(y.tier, y.at, y.until) for y, _ in some]:
                    some.append((x, now))
        return walks

    def after_late(self, member, t, before, judged):
        """It has been written: what went over into later periods is worked out again, and events since get more."""
        now = self.now(member)
        if member in self.zones and judged:
            self.zones[member].append((t, self.members[member].zone, now))
            self.walks.clear()
        for (m, unit), purse in self.purses.items():
            if m == member and purse.carrier:
                self.walks.clear()
                for n in purse.carrier.again(purse, t, now):
                    self.kinds['rollover raised by a late row' if n > 0 else 'rollover lowered by a late row'] += self.one_by_one
        for g, old in before.items():
            self.note_late(g, old, self.walk(member, g, now), t)
        if before:
            self.late.add((member, t))
        self.top_up(member, t)

    def note_movement(self, e, shares, fresh):
        """Something is posted: what that is to tiers."""
        now = self.now(e.member)
        for name, g in self.groups.items():
            self.kinds['changed at the instant of a movement'] += bool(g.ladders) and g.ladders[-1].since == now
            if not fresh and sum(shares.values()) < sum(e.shares.values()) and self.walk(e.member, name, now).stay:
                self.kinds['late refund'] += 1

    def note_late(self, g, old, new, t):
        """What a late row did."""
        rank = self.groups[g].ladder(new.at) and self.groups[g].ladder(new.at).rank
        was, came = old.tier_at(t), new.tier_at(t)
        if rank and rank(came) > rank(was):
            self.kinds['late upgrade'] += 1
            self.kinds['late row before the first tier'] += all(x[1] is None for x in old.steps if x[0] <= t)
        if any(x.over <= t for x in old.stays):
            self.kinds['late row after an expiry'] += 1
        if was is not None:
            self.kinds['late row while a stay runs'] += 1
        if any(x.at <= t < x.until for x in self.gifts.get(new.member, ()) if x.group == g and x.floor):
            self.kinds['late row beside a tier given by hand'] += 1
        self.kinds['kept by what was booked'] += new.kept > old.kept

    def top_up(self, member, t):
        """Events since a late line get the higher tier, and what that is more (5)."""
        groups = [g for g, x in self.groups.items() if x.settings['top_up']]
        if not groups:
            return
        some = [e for e in self.events.values() if e.member == member and t < e.t <= self.now(member) and not e.dead and e.tiers is not None]
        for e in sorted(some, key=lambda e: (e.t, e.no)):
            tiers = dict(e.tiers)
            for g in groups:
                ladder = self.groups[g].ladder(e.t)
                tier = self.walk(member, g, max(e.t, self.now(member))).tier_before(e.t)
                if ladder and ladder.rank(tier) > ladder.rank(tiers.get(g)):
                    tiers[g] = tier
            if tiers != e.tiers:
                self.kinds['topped up'] += self.raise_tiers(e, tiers)

    # -- by hand

    def set_tier(self, member, group, tier, until=None):
        now = self.now(member)
        g = self.groups[group]
        floor = until is not None
        if tier is not None and until is None:
            until = g.ladder(now).keep.end(now, self.zone_of(member))
        self.gifts.setdefault(member, []).append(Gift(group, tier, now if tier is None else until, now, self.tick(), floor))
        self.last_at[member] = now
        self.walks.clear()

    # -- what people see

    def standing(self, member, group):
        """
        {column: value} of where somebody stands; a column that is not there is
        not the model's business.
        """
        now, g = self.now(member), self.groups[group]
        w, ladder = self.walk(member, group, now), g.ladder(now)
        tier, stay = w.tier_at(now), w.stay
        if ladder is None:
            return {'tier': None}
        higher = [x for x in ladder.tiers.values() if not x.closed and x.needs and x.rank > ladder.rank(tier)]
        following = min(higher, key=lambda x: x.rank) if higher else None
        out = {'tier': tier, 'next_tier': following.name if following else None, 'points_to_next': None}
        if following:
            out['points_to_next'] = self.lack(ladder, following, w.balances)
        if tier is None:
            return dict(out, since=None, until=None, points_to_keep=None, projected=None)
        out.update(since=w.held_since, stay_since=stay.began, for_life=tier == w.life or tier == w.floor() and w.given_until == INF,
                   given=w.floor() is not None)
        if stay.until is None:
            # it ends with the tier, or when one with an end begins; what has no end any more has none
            ahead = (INF, tier, INF)
            for days in (1500, 40000):
                far = self.walk(member, group, now + days * DAY)
                ahead = next((x for x in far.changes if x[0] > now and (x[1] != tier or x[2] is not None)), ahead)
                if ahead[0] < INF:
                    break
            return dict(out, until=INF if ahead[1:3] == (tier, INF) else ahead[0], projected=ahead[1], points_to_keep=None)
        out.update(until=stay.until, projected=tier, points_to_keep=None)
        if stay.until < INF:
            out['projected'] = self.walk(member, group, stay.until).tier_at(stay.until)
            held, then = ladder.tiers[tier], self.walk(member, group, stay.until - 1)
            if held.needs and not held.closed:
                out['points_to_keep'] = self.lack(ladder, held, then.judged(stay.until))
                if (then.stay.tier, then.stay.until) != (tier, stay.until):     # it will have been reached again, or more
                    out['points_to_keep'] = ZERO
        if any(self.purses[member, u].debt() > 0 or self.purses[member, u].repaid for u in g.units() if (member, u) in self.purses):
            for k in ('points_to_next', 'points_to_keep', 'projected'):     # TODO: what repays is not foreseen
                out.pop(k, None)
        return out

    @staticmethod
    def lack(ladder, tier, balances):
        """What is missing to a tier in the group's own unit, else in its first."""
        unit = ladder.unit if ladder.unit in tier.needs else next(iter(tier.needs))
        return max(ZERO, tier.needs[unit] - balances.get(unit, ZERO))

    # -- what tiers bring beside points

    def use_benefit(self, no, member, benefit, key=None):
        """Once more, by a call that is known by a number."""
        refuse(self.who(member))

        def act():
            now = self.now(member)
            some = [x for x in self.benefits_of(member) if x[1] == benefit]
            refuse([] if some else ['LY007'])
            refuse([] if any(x[2] is None or x[3] < x[2] for x in some) else ['LY006'])
            call = Call(no, 'use_benefit', member, None, ZERO, now)
            call.benefit = benefit
            self.benefit_uses.append(call)
            self.last_at[member] = now
            return call
        return self.called(no, key, ('use_benefit', member, benefit), act)

    def give_back(self, no):
        """A use is cancelled, or reversed: as if it had not been made."""
        call = self.calls[no]
        refuse(['55000'] if call.status == 'cancelled' else [])
        self.tick()
        call.status = 'cancelled'
        self.last_at[call.member] = self.now(call.member)

    def benefits_of(self, member):
        """[(tier, benefit, uses, used, (from, until))] of the tiers held now."""
        now, out = self.now(member), []
        for g in self.groups:
            w = self.walk(member, g, now)
            for (tier, benefit), (uses, period) in self.benefits.items():
                if w.stay is None or tier != w.stay.tier:
                    continue
                since, until = NINF, INF
                if period == 'stay':
                    since, until = w.stay.began, self.standing(member, g)['until']
                elif period not in (None, 'ever'):
                    since = span_start(now, period, self.zone)
                    until = to_instant(next_boundary(to_local(now, self.zone), period), self.zone)
                used = sum(1 for x in self.benefit_uses if x.member == member and x.benefit == benefit and x.at >= since and x.status == 'done')
                out.append((tier, benefit, uses, used, (since, until)))
        return out
