"""
Tiers for the model, from section 5 of the semantics: where a member stands is
computed from the beginning, from the lines of the lots, whenever it is asked.

What qualifies is what lots hold, less debt, as if nothing had ever been spent
(spending never demotes).  A walk goes from instant to instant at which
anything changes; at one instant lots end, lots begin, a stay ends, and then
come the lines of that instant in the order in which they were written.
"""

from bisect import bisect_right
from fractions import Fraction

from clock import INF, NINF, Period
from purse import ZERO, is_spent, tick_of


class Tier:
    """One tier; needs: unit -> threshold; none: only given by hand."""

    def __init__(self, name, rank, needs, qualify='all', closed=False):
        self.name, self.rank, self.needs, self.qualify, self.closed = name, rank, dict(needs), qualify, closed

    def holds(self, balances):
        """Whether balances are enough for it."""
        if not self.needs:
            return False
        return (any if self.qualify == 'any' else all)(balances.get(u, ZERO) >= n for u, n in self.needs.items())


class Ladder:
    """A group as it was from an instant on."""

    def __init__(self, since, unit, keep, keep_renewed, downgrade, top_up, tiers):
        self.since, self.unit, self.downgrade, self.top_up = since, unit, downgrade, top_up
        self.keep = Period(keep)
        self.keep_renewed = self.keep if keep_renewed is None else Period(keep_renewed)
        self.tiers = tiers          # name -> Tier

    def rank(self, name):
        return NINF if name is None else self.tiers[name].rank

    def best(self, balances):
        """The highest tier that balances are enough for."""
        some = [x for x in self.tiers.values() if not x.closed and x.holds(balances)]
        return max(some, key=lambda x: x.rank).name if some else None

    def below(self, name):
        """One level down; tiers that are only given by hand are no steps."""
        some = [x for x in self.tiers.values() if not x.closed and x.needs and x.rank < self.rank(name)]
        return max(some, key=lambda x: x.rank).name if some else None

    def down(self, name, balances):
        """Where somebody goes who does not qualify any more."""
        best = self.best(balances)
        if self.downgrade == 'one_level':
            return max(best, self.below(name), key=self.rank)
        return best


class Group:
    def __init__(self, name, unit, keep='immediately', keep_renewed=None, downgrade='to_qualified', top_up=False):
        self.name = name
        self.settings = {'unit': unit, 'keep': keep, 'keep_renewed': keep_renewed, 'downgrade': downgrade, 'top_up': top_up}
        self.tiers = {}             # as they are now, removed ones too
        self.ladders = []           # ascending by since

    def publish(self, since):
        """What is configured holds from an instant on."""
        self.ladders = [x for x in self.ladders if x.since < since]
        self.ladders.append(Ladder(since, tiers={k: Tier(x.name, x.rank, x.needs, x.qualify, x.closed)
                                                 for k, x in self.tiers.items()}, **self.settings))

    def ladder(self, at, known_at=INF):
        known = [x for x in self.ladders if x.since <= min(at, known_at)]
        return known[-1] if known else None

    def units(self):
        return sorted({u for x in self.ladders for t in x.tiers.values() for u in t.needs} | {x.unit for x in self.ladders})


class Gift:
    """A tier given by hand (None: taken)."""

    def __init__(self, group, tier, until, at, tick, floor):
        self.group, self.tier, self.until, self.at, self.tick = group, tier, until, at, tick
        self.floor = floor          # with an end of its own; else it is a stay as if it had been reached


class Stay:
    """A tier held by what qualifies; until None: no longer than the balance."""

    def __init__(self, tier, at, until, counted, renewed=False):
        self.tier, self.at, self.until = tier, at, until
        self.counted, self.renewed = counted, renewed   # a stay that follows another counted what was there before


class Walk:
    """One member in one group, up to an instant."""

    def __init__(self, group, zone, lots, debts, gifts, booked, upto, known_at=INF):
        self.group, self.zone, self.known_at = group, zone, known_at
        self.gifts, self.booked = gifts, booked
        self.stay = None
        self.given, self.given_until = None, NINF
        self.balances = {}
        self.above = set()          # tiers that the balances were enough for
        self.steps = []             # [instant, tier]: what is held from then on
        self.stays = []             # stays that are over
        self.trail = {}             # instant -> tier held before lines of that instant, and lots that begin then
        self.at = NINF
        self.prepare(lots, debts)
        self.go(upto)

    def prepare(self, lots, debts):
        """Every change of what qualifies, by instant."""
        self.begin, self.end, self.written = {}, {}, {}
        self.lots = {}              # lot -> [(from when, points)]
        for unit, lot in lots:
            key = (unit, lot.start, lot.end)
            for line in lot.lines:
                if is_spent(line):
                    continue
                at = min(line[0], line[1])
                since = max(at, lot.start)
                if since >= lot.end:
                    continue
                self.lots.setdefault(key, []).append((since, line[2]))
                if at < lot.start:
                    self.begin.setdefault(since, []).append((unit, line[2]))
                else:
                    self.written.setdefault(since, {}).setdefault(tick_of(line), []).append((unit, line[2]))
        for key, some in self.lots.items():
            if key[2] < INF:
                self.end.setdefault(key[2], []).append((key, sum((n for _, n in some), ZERO)))
        for unit, line in debts:
            self.written.setdefault(min(line[0], line[1]), {}).setdefault(tick_of(line), []).append((unit, -line[2]))
        for x in self.gifts:
            self.written.setdefault(x.at, {}).setdefault(x.tick, []).append(x)
        self.instants = sorted(set(self.begin) | set(self.end) | set(self.written) |
                               {x.since for x in self.group.ladders if x.since <= self.known_at} |
                               {x.until for x in self.gifts})

    # -- time

    def next(self):
        i = bisect_right(self.instants, self.at)
        t = self.instants[i] if i < len(self.instants) else INF
        if self.stay and self.stay.until is not None and self.stay.until > self.at:
            t = min(t, self.stay.until)
        return t

    def go(self, upto):
        before = None
        self.note(NINF)
        first = True
        while True:
            t = NINF if first and self.instants and self.instants[0] == NINF else self.next()
            first = False
            if t > upto or t >= INF:
                break
            self.at = t
            ladder = self.group.ladder(t, self.known_at)
            judged = None
            if ladder and self.stay and self.stay.until == t:
                judged = self.judged(t)
            for key, n in self.end.get(t, ()):
                self.add(key[0], -n)
            for unit, n in self.begin.get(t, ()):
                self.add(unit, n)
            if ladder:
                if judged is not None:
                    self.stay_ends(ladder, judged)
                held = self.held(t)
                self.look(ladder, by_line=ladder is before)
                if ladder is not before or ladder.rank(self.held(t)) <= ladder.rank(held):
                    held = self.held(t)
                self.trail[t] = held
            for _, some in sorted(self.written.get(t, {}).items()):
                for x in some:
                    if isinstance(x, Gift):
                        self.give(x)
                    else:
                        self.add(*x)
                if ladder:
                    self.look(ladder)
            before = ladder
            self.note(t)

    def add(self, unit, n):
        self.balances[unit] = self.balances.get(unit, ZERO) + n

    def note(self, at):
        """What is held from an instant on."""
        tier = self.held(at)
        if not self.steps or self.steps[-1][1] != tier:
            self.steps.append([at, tier])

    def held(self, at):
        return self.stay.tier if self.stay else None

    def floor(self):
        """The tier given by hand, below which nobody falls until its end."""
        return self.given if self.at < self.given_until else None

    # -- stays

    def judged(self, at):
        """What is valid right before, less what lapses then and was counted when the stay began."""
        balances = dict(self.balances)
        for key, n in self.end.get(at, ()):
            if self.was_counted(key):
                balances[key[0]] = balances.get(key[0], ZERO) - n
        return balances

    def was_counted(self, key):
        c = self.stay.counted
        return any(since < c or since == c and not self.stay.renewed for since, _ in self.lots[key])

    def stay_ends(self, ladder, balances):
        own = self.stay.tier
        tier = ladder.tiers[own]
        best = ladder.best(balances)
        if not tier.closed and tier.holds(balances) and ladder.rank(best) <= tier.rank:
            self.begin_stay(own, ladder.keep_renewed, True)
        else:
            self.fall(ladder, ladder.down(own, balances))
        self.above = {x.name for x in ladder.tiers.values() if x.holds(balances)}

    def fall(self, ladder, tier):
        """A stay has ended, with less."""
        best = max([x for x in self.booked if x.at <= self.at < x.until], key=lambda x: ladder.rank(x.tier), default=None)
        if ladder.rank(self.floor()) > ladder.rank(tier):
            self.finish()
            self.stay = Stay(self.given, self.at, self.given_until, self.at, True)
        elif best and ladder.rank(best.tier) > ladder.rank(tier):
            self.finish()           # what was over before a late line came does not end earlier by it
            self.stay = Stay(best.tier, self.at, best.until, best.counted, best.renewed)
        elif tier is None:
            self.finish()
        else:
            self.begin_stay(tier, ladder.keep_renewed, True)

    def begin_stay(self, tier, keep, renewed):
        self.finish()
        until = None if keep.text == 'immediately' else keep.end(self.at, self.zone)
        if tier == self.floor() and (until is None or until < self.given_until):
            until = self.given_until
        self.stay = Stay(tier, self.at, until, self.at, renewed)

    def finish(self):
        if self.stay:
            self.stay.over = self.at
            self.stays.append(self.stay)
        self.stay = None

    def look(self, ladder, by_line=True):
        """Tiers reached now; what is kept no longer than the balance is lost."""
        above = {x.name for x in ladder.tiers.values() if x.holds(self.balances)}
        reached = [x for x in ladder.tiers.values() if x.name in above and x.name not in self.above and not x.closed]
        self.above = above
        if reached:
            best = max(reached, key=lambda x: x.rank)
            own = self.stay.tier if self.stay else None
            if ladder.rank(best.name) > ladder.rank(own):
                self.begin_stay(best.name, ladder.keep, False)
            elif best.name == own and by_line and self.stay.until is not None:
                until = self.stay.until
                self.begin_stay(own, ladder.keep, False)
                if self.stay.until is not None and self.stay.until < until:
                    self.stay.until = until
        while self.stay and self.stay.until is None and self.stay.tier not in above:
            self.fall(ladder, ladder.down(self.stay.tier, self.balances))

    def give(self, gift):
        """By hand what is held is replaced; until the gift's end nobody falls below it."""
        self.finish()
        self.given, self.given_until = (gift.tier, gift.until) if gift.floor else (None, NINF)
        if gift.tier is not None:
            self.stay = Stay(gift.tier, self.at, gift.until, self.at)

    # -- reading

    def tier_at(self, at):
        i = bisect_right([x[0] for x in self.steps], at)
        return self.steps[i - 1][1] if i else None

    def tier_before(self, at):
        """The tier held at an instant before anything is earned at it."""
        return self.trail[at] if at in self.trail else self.tier_at(at)

    def since(self, at):
        i = bisect_right([x[0] for x in self.steps], at)
        return self.steps[i - 1][0]


class Tiers:
    """Mixed into Program."""

    def init_tiers(self):
        self.groups = {}            # name -> Group, the first first
        self.gifts = {}             # member -> [Gift]
        self.booked = {}            # (member, group) -> [(Stay, known since)]
        self.walks = {}
        self.one_by_one = True      # not in a backfill

    # -- configuration

    def tiers_change(self, group):
        """From now on; from the beginning as long as nothing has been posted."""
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
        return Tier(x['name'], x['rank'], needs, x.get('qualify', 'all'))

    def group_of(self, tier):
        return next((g for g in self.groups.values() if tier in g.tiers), None)

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
            self.walks[key] = Walk(g, self.zone_of(member), lots, debts, gifts, booked, upto, known_at)
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
        """A line dated t is about to be written: stays that are over stay as long as they were."""
        if not self.groups or not self.one_by_one:
            return
        now = self.now(member)
        if t >= now:
            return
        for g in self.groups:
            some = self.booked.setdefault((member, g), [])
            for x in self.walk(member, g, now).stays:
                if x.over == x.until > t and (x.tier, x.at, x.until) not in [(y.tier, y.at, y.until) for y, _ in some]:
                    some.append((x, now))

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
                self.raise_tiers(e, tiers)

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
        """(tier, since, until, next tier, points to it, projected)"""
        now = self.now(member)
        w = self.walk(member, group, now)
        g = self.groups[group]
        ladder = g.ladder(now)
        tier = w.tier_at(now)
        if ladder is None:
            return (None,) * 6
        higher = [x for x in ladder.tiers.values() if not x.closed and x.needs and x.rank > ladder.rank(tier)]
        following = min(higher, key=lambda x: x.rank) if higher else None
        lack = None
        if following and list(following.needs) == [ladder.unit]:
            lack = max(ZERO, following.needs[ladder.unit] - w.balances.get(ladder.unit, ZERO))
        name = following.name if following else None
        if tier is None:
            return (None, None, None, name, lack, None)
        return (tier, w.since(now), self.until(w, now), name, lack)

    @staticmethod
    def until(w, now):
        """When the tier held now ends; None: no longer than the balance."""
        return w.stay.until
