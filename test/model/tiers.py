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

from clock import DAY, INF, NINF, Period
from purse import ZERO, is_carried, is_spent, tick_of

YEAR = 365 * DAY


class Tier:
    """One tier; needs: unit -> threshold; none: only given by hand."""

    def __init__(self, name, rank, needs, qualify='all', closed=False, life_years=None):
        self.name, self.rank, self.needs, self.qualify, self.closed = name, rank, dict(needs), qualify, closed
        self.life_years = life_years    # held for so many years in all, it is for life

    def copy(self):
        return Tier(self.name, self.rank, self.needs, self.qualify, self.closed, self.life_years)

    def holds(self, balances):
        """Whether balances are enough for it."""
        if not self.needs:
            return False
        return (any if self.qualify == 'any' else all)(balances.get(u, ZERO) >= n for u, n in self.needs.items())


class Ladder:
    """A group as it was from an instant on."""

    def __init__(self, since, unit, keep, keep_renewed, downgrade, top_up, rollover, rollover_max, tiers):
        self.since, self.unit, self.downgrade, self.top_up = since, unit, downgrade, top_up
        self.rollover, self.rollover_max = rollover, INF if rollover_max is None else rollover_max
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

    def reached(self, balance):
        """The highest threshold in the group's own unit that a balance reaches; 0: none."""
        return max([x.needs[self.unit] for x in self.tiers.values()
                    if not x.closed and x.needs.get(self.unit, INF) <= balance], default=ZERO)

    def down(self, name, balances):
        """Where somebody goes who does not qualify any more."""
        best = self.best(balances)
        if self.downgrade == 'one_level':
            return max(best, self.below(name), key=self.rank)
        return best


class Group:
    def __init__(self, name, unit, keep='immediately', keep_renewed=None, downgrade='to_qualified', top_up=False,
                 rollover='none', rollover_max=None):
        self.name = name
        self.settings = {'unit': unit, 'keep': keep, 'keep_renewed': keep_renewed, 'downgrade': downgrade, 'top_up': top_up,
                         'rollover': rollover, 'rollover_max': rollover_max}
        self.tiers = {}             # as they are now, removed ones too
        self.ladders = []           # ascending by since

    def publish(self, since):
        """What is configured holds from an instant on."""
        self.ladders = [x for x in self.ladders if x.since < since]
        self.ladders.append(Ladder(since, tiers={k: x.copy() for k, x in self.tiers.items()}, **self.settings))

    def ladder(self, at, known_at=INF):
        known = [x for x in self.ladders if x.since <= min(at, known_at)]
        return known[-1] if known else None

    def carries(self, unit):
        """Whether points of a unit ever went over into the next period."""
        return any(x.rollover == 'excess' and x.unit == unit for x in self.ladders)

    def units(self):
        return sorted({u for x in self.ladders for t in x.tiers.values() for u in t.needs} | {x.unit for x in self.ladders})


class Gift:
    """A tier given by hand (None: taken)."""

    def __init__(self, group, tier, until, at, tick, floor):
        self.group, self.tier, self.until, self.at, self.tick = group, tier, until, at, tick
        self.floor = floor          # with an end of its own; else it is a stay as if it had been reached


class Stay:
    """A tier held by what qualifies; until None: no longer than the balance."""

    def __init__(self, tier, at, until, counted, renewed=False, cause='entry'):
        self.tier, self.at, self.until, self.cause = tier, at, until, cause
        self.counted, self.renewed = counted, renewed   # a stay that follows another counted what was there before
        self.began = at             # one that lasts because it did before a late line came began then


class Walk:
    """One member in one group, up to an instant."""

    def __init__(self, group, zone, lots, debts, gifts, booked, upto, known_at=INF):
        self.group, self.zone, self.known_at = group, zone, known_at    # zone: of an instant
        self.gifts, self.booked = gifts, booked
        self.stay = None
        self.given, self.given_until = None, NINF
        self.balances = {}
        self.above = set()          # tiers that the balances were enough for
        self.steps = []             # [instant, tier]: what is held from then on
        self.stays = []             # stays that are over
        self.trail = {}             # instant -> tier held before lines of that instant, and lots that begin then
        self.kept = 0               # stays that last because they did before a late line came
        self.life = None            # held for life: never less
        self.held_for = {}          # tier -> time for which it or a higher one was held
        self.changes = []           # (instant, tier, until, cause), all that was ever told
        self.held_since = NINF      # what is held now
        self.at = NINF
        self.prepare(lots, debts)
        self.go(upto)

    def prepare(self, lots, debts):
        """Every change of what qualifies, by instant."""
        self.begin, self.end, self.written, self.carried = {}, {}, {}, {}
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
                if is_carried(line):
                    self.carried.setdefault(since, []).append((unit, line[2]))
                elif at < lot.start:
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
        self.instants = sorted(set(self.begin) | set(self.end) | set(self.written) | set(self.carried) |
                               {x.since for x in self.group.ladders if x.since <= self.known_at} |
                               {x.until for x in self.gifts})

    # -- time

    def next(self):
        i = bisect_right(self.instants, self.at)
        t = self.instants[i] if i < len(self.instants) else INF
        if self.stay and self.stay.until is not None and self.stay.until > self.at:
            t = min(t, self.stay.until)
        return min([t] + list(self.lifetimes().values()))

    # -- for life

    def running(self):
        """Tiers for which time counts now: they, or higher ones, are held, and years of them are for life."""
        ladder = self.group.ladder(self.at, self.known_at)
        if ladder is None or self.stay is None:
            return []
        rank = ladder.rank(self.stay.tier)
        return [x for x in ladder.tiers.values() if x.life_years and x.rank <= rank]

    def lifetimes(self):
        """tier -> when it will have been held for long enough"""
        ladder = self.group.ladder(self.at, self.known_at)
        return {x.name: self.at + missing for x in self.running() if x.rank > ladder.rank(self.life)
                for missing in [x.life_years * YEAR - self.held_for.get(x.name, 0)] if missing > 0}

    def count(self, upto):
        """Time goes by."""
        for x in self.running():
            self.held_for[x.name] = self.held_for.get(x.name, 0) + upto - self.at

    def for_life(self, ladder):
        """What has been held for long enough is never lost again."""
        some = [x for x in ladder.tiers.values()
                if x.life_years and self.held_for.get(x.name, 0) >= x.life_years * YEAR]
        best = max([x.name for x in some] + [self.life], key=ladder.rank)
        if best == self.life:
            return
        self.life = best
        own = self.stay.tier if self.stay else None
        if ladder.rank(best) > ladder.rank(own):
            self.finish()
            self.stay = Stay(best, self.at, INF, self.at, cause='for life')
        elif best == own:
            self.stay.until = INF
        self.tell('for life')

    # -- instants

    def go(self, upto):
        before = None
        self.note(NINF)
        first = True
        while True:
            t = NINF if first and self.instants and self.instants[0] == NINF else self.next()
            first = False
            if t > upto or t >= INF:
                break
            due = self.is_due(t)
            self.count(t)
            self.at = t
            ladder = self.group.ladder(t, self.known_at)
            before_all, long_held = self.held(t), self.held_since
            if ladder:
                self.for_life(ladder)
            judged = None
            if ladder and self.stay and self.stay.until == t:
                judged = self.judged(t)
            for key, n in self.end.get(t, ()):
                self.add(key[0], -n)
            for unit, n in self.begin.get(t, ()):
                self.add(unit, n)
            if ladder:
                if t in self.carried:       # it arrives anew: reached by it is what is not reached without
                    self.above &= {x.name for x in ladder.tiers.values() if x.holds(self.balances)}
                for unit, n in self.carried.get(t, ()):
                    self.add(unit, n)
                if judged is not None:
                    self.stay_ends(ladder, judged)
                held = self.held(t)
                self.look(ladder, *(('entry', 'expiry') if ladder is before else ('configuration', 'configuration')))
                if ladder is not before or ladder.rank(self.held(t)) <= ladder.rank(held):
                    held = self.held(t)
                self.trail[t] = held
            if self.held(t) != before_all:      # lost and won again by what is due then, it has been held all the while
                self.held_since = t
            for _, some in sorted(self.written.get(t, {}).items()):
                held = self.held(t)
                for x in some:
                    if isinstance(x, Gift):
                        self.give(x, ladder)
                    else:
                        self.add(*x)
                if ladder:
                    self.look(ladder)
                if self.held(t) != held:        # but not if somebody took it
                    self.held_since = long_held if due and self.held(t) == before_all else t
            before = ladder
            self.note(t)

    def is_due(self, t):
        """Whether anything happens at an instant besides what is written then."""
        return (t in self.begin or t in self.end or t in self.carried or t in [x.since for x in self.group.ladders] or
                any(x.at < t == x.until for x in self.gifts) or self.stay is not None and self.stay.until == t or t in self.lifetimes().values())

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
        stay = self.stay
        balances = dict(self.balances)
        for key, n in self.end.get(at, ()):
            if any(since < stay.counted or since == stay.counted and not stay.renewed for since, _ in self.lots[key]):
                balances[key[0]] = balances.get(key[0], ZERO) - n
        return balances

    def stay_ends(self, ladder, balances):
        own = self.stay.tier
        tier = ladder.tiers[own]
        best = ladder.best(balances)
        if not tier.closed and tier.holds(balances) and ladder.rank(best) <= tier.rank:
            self.begin_stay(own, ladder.keep_renewed, True, 'expiry')
        else:
            self.fall(ladder, ladder.down(own, balances), 'expiry')
        self.above = {x.name for x in ladder.tiers.values() if x.holds(balances)}

    def fall(self, ladder, tier, cause):
        """A stay has ended, with less."""
        best = max([x for x in self.booked if x.at <= self.at < x.until], key=lambda x: ladder.rank(x.tier), default=None)
        floor = max(self.floor(), self.life, key=ladder.rank)
        lifted = ladder.rank(floor) > ladder.rank(tier)
        if lifted:
            tier = floor
        if best and ladder.rank(best.tier) > ladder.rank(tier):
            self.finish()           # what was over before a late line came does not end earlier by it
            self.stay = Stay(best.tier, self.at, best.until, best.counted, best.renewed, cause)
            self.stay.began = best.began
            self.kept += 1
            self.tell(cause)
        elif tier is None:
            self.finish()
            self.tell(cause)
        else:
            self.begin_stay(tier, ladder.keep_renewed, True, cause, lifted)

    def begin_stay(self, tier, keep, renewed, cause, given=False):
        self.finish()
        until = None if keep.text == 'immediately' else keep.end(self.at, self.zone(self.at))
        if tier == self.floor() and (given or until is None or until < self.given_until):
            until = self.given_until
        if tier == self.life:
            until = INF
        self.stay = Stay(tier, self.at, until, self.at, renewed, cause)
        self.tell(cause)

    def tell(self, cause):
        """Something has changed."""
        self.changes.append((self.at, self.stay.tier if self.stay else None, self.stay.until if self.stay else None, cause))

    def finish(self):
        if self.stay:
            self.stay.over = self.at
            self.stays.append(self.stay)
        self.stay = None

    def look(self, ladder, cause='entry', lost='entry'):
        """Tiers reached now; what is kept no longer than the balance is lost."""
        above = {x.name for x in ladder.tiers.values() if x.holds(self.balances)}
        reached = [x for x in ladder.tiers.values() if x.name in above and x.name not in self.above and not x.closed]
        self.above = above
        if reached:
            best = max(reached, key=lambda x: x.rank)
            own = self.stay.tier if self.stay else None
            if ladder.rank(best.name) > ladder.rank(own):
                self.begin_stay(best.name, ladder.keep, False, cause)
            elif best.name == own and cause != 'configuration':
                before = self.stay          # it does not end earlier by it
                self.begin_stay(own, ladder.keep, False, cause)
                if before.until is not None and (self.stay.until is None or self.stay.until < before.until):
                    self.stay.until = before.until
                    self.tell(cause)
        while self.stay and self.stay.until is None and self.stay.tier not in above:
            self.fall(ladder, ladder.down(self.stay.tier, self.balances), lost)

    def give(self, gift, ladder):
        """By hand what is held is replaced; until the gift's end nobody falls below it."""
        self.finish()
        self.given, self.given_until = (gift.tier, gift.until) if gift.floor else (None, NINF)
        if gift.tier is None:       # taken for good
            self.life = None
            self.held_for.clear()
        else:
            life = ladder.rank(self.life) >= ladder.rank(gift.tier)
            self.stay = Stay(self.life if life else gift.tier, self.at, INF if life else gift.until, self.at, cause='by hand')
        self.tell('by hand')

    # -- reading

    def kinds(self):
        """How often what happened."""
        out, before = [], (None, None)
        for at, tier, until, cause in self.changes:
            ladder = self.group.ladder(at, self.known_at)
            up = ladder.rank(tier) - ladder.rank(before[0])
            out.append({'for life': 'for life', 'by hand': 'stay by hand'}.get(cause) or (
                'renewal' if cause == 'expiry' and tier == before[0] else 'reached again' if tier == before[0] else
                'upgrade' if up > 0 else 'loss' if tier is None else 'downgrade') + (' by configuration' if cause == 'configuration' else ''))
            before = (tier, until)
        return out + ['rollover'] * len(self.carried)

    def tier_at(self, at):
        i = bisect_right([x[0] for x in self.steps], at)
        return self.steps[i - 1][1] if i else None

    def tier_before(self, at):
        """The tier held at an instant before anything is earned at it."""
        return self.trail[at] if at in self.trail else self.tier_at(at)
