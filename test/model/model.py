"""
A slow model of a loyalty program, written from the semantics alone: no batch
tricks, no caches, exact fractions, every balance recomputed from the lines of
its lots.  The numbers in comments are sections and examples of the semantics.

What the model keeps apart:
    Program     configuration, tables, members, events, caps and budgets
    Event       what is frozen about one event and what it holds
    Purse       one member's lots, holds and debt of one unit, as lines with dates (purse.py)
What members do with their points is in spending.py, rewards.py, quotes.py, codes.py and undo.py.
"""

import re
from bisect import insort
from fractions import Fraction

from clock import INF, NINF, Period, span_start, to_instant, naive
from codes import Codes
from expr import EvalError, columns, value
from purse import ZERO, Lines, Purse
from quotes import Quotes
from rewards import Rewards
from spending import Paying, Refused, Spending
from standing import Carrier, Tiers
from undo import Undoing


# ---------------------------------------------------------------- numbers

def floor_to(x, step):
    return (x // step) * step


def round_to(x, step, mode):
    """Round a value >= 0 to a multiple of step."""
    low = floor_to(x, step)
    rest = x - low
    if mode in ('floor', 'carry') or rest == 0:
        return low
    if mode == 'ceil':
        return low + step
    if rest * 2 > step or (rest * 2 == step and (mode == 'half_up' or (low / step) % 2 == 1)):
        return low + step
    return low


def round_half_away(x, step):
    sign = -1 if x < 0 else 1
    return sign * floor_to(abs(x) + step / 2, step)


class Rate:
    """What a rule pays: linear, block, percent (a linear rate), multiplier or flat."""

    def __init__(self, text):
        self.text = text
        m = re.fullmatch(r'([\d.]+) per (full )?([\d.]+)', text)
        if m:
            self.kind = 'block' if m.group(2) else 'linear'
            self.num, self.per = Fraction(m.group(1)), Fraction(m.group(3))
        elif text.endswith('%'):
            self.kind, self.num, self.per = 'linear', Fraction(text[:-1]), Fraction(100)
        elif text.startswith('x'):
            self.kind, self.num, self.per = 'multiplier', Fraction(text[1:]), None
        else:
            self.kind, self.num, self.per = 'flat', Fraction(text), None

    def pays(self, amount):
        if self.kind == 'linear':
            return amount * self.num / self.per
        if self.kind == 'block':
            return (amount // self.per) * self.num
        return self.num


# ---------------------------------------------------------------- configuration

class Unit:
    def __init__(self, name, activates='immediately', expires='never', decimals=0, rounding='floor',
                 max_per_event=None, on_shortfall='debt', return_grace=None, transferable=False, value=None,
                 spendable=True):
        self.name, self.spendable = name, spendable
        self.activates, self.expires = Period(activates), Period(expires)
        self.rounding = rounding
        self.shown_step = Fraction(1, 10 ** decimals)
        self.step = Fraction(1, 10000) if rounding == 'carry' else self.shown_step
        self.max_per_event = None if max_per_event is None else Fraction(max_per_event)
        self.on_shortfall = on_shortfall
        self.return_grace = None if return_grace is None else Period(return_grace)
        self.transferable = transferable
        self.value = None if value is None else Fraction(value)     # in money


class Rule:
    def __init__(self, name, earn, source=None, unit='points', amount=None, condition=None, min_amount=None,
                 valid=(NINF, INF), priority=0, exclusive_group=None, max_per_event=None, max_per_member=None,
                 cap_period=None, budget=None, activates=None, expires=None, enabled=True, tiers=None):
        self.name, self.source, self.unit = name, source, unit
        self.earn = Rate(earn)
        self.amount, self.condition = amount, condition
        self.min_amount = None if min_amount is None else Fraction(min_amount)
        self.valid = valid
        self.priority, self.exclusive_group = priority, exclusive_group
        self.max_per_event = None if max_per_event is None else Fraction(max_per_event)
        self.max_per_member = None if max_per_member is None else Fraction(max_per_member)
        self.cap_period = cap_period
        self.budget = None if budget is None else Fraction(budget)
        self.activates = None if activates is None else Period(activates)
        self.expires = None if expires is None else Period(expires)
        self.enabled = enabled
        self.tiers = tiers          # whose members it pays; None: everybody's

    def order(self):
        """Higher priority first, then name: who wins a tie."""
        return (-self.priority, self.name)


class Source:
    """An attached table.  Expressions are those of expr.py."""

    def __init__(self, name, key=('id',), event=None, member=('col', 'customer_id'), amount=None,
                 occurred_at='placed_at', time_type='timestamptz', condition=None, purchase=None, reduces=None,
                 reduces_key=None, on_delete='revoke', spend=None, spend_unit='points', spend_condition=None,
                 spend_min=None, spend_max=None, spend_step=None, spend_max_share=None):
        self.name, self.key, self.event = name, tuple(key), event
        self.member, self.amount, self.occurred_at, self.time_type = member, amount, occurred_at, time_type
        self.condition = condition
        self.purchase = (amount is not None and reduces is None) if purchase is None else purchase
        self.reduces, self.reduces_key = reduces, reduces_key
        self.on_delete = on_delete
        self.spend, self.spend_unit, self.spend_condition = spend, spend_unit, spend_condition
        self.spend_min, self.spend_max, self.spend_step, self.spend_max_share = spend_min, spend_max, spend_step, spend_max_share


class Version:
    """One configuration version: what an event first posted under it is judged by for ever (0)."""

    def __init__(self, rules, units, stacking):
        self.rules = sorted(rules, key=Rule.order)
        self.units = units
        self.stacking = stacking

    def rules_of(self, source):
        return [r for r in self.rules if r.enabled and r.source in (None, source)]


class Member:
    def __init__(self, joined_at, zone=None, status='active', attributes=None):
        self.joined_at, self.zone, self.status = joined_at, zone, status
        self.attributes = attributes or {}
        self.purchases = 0
        self.spend = ZERO


# ---------------------------------------------------------------- events

class Event:
    """One event: its identity, what was frozen at its first posting, what it holds."""

    count = 0

    def __init__(self, source, key):
        Event.count += 1
        self.no, self.source, self.key = Event.count, source, key
        self.paid = None            # the points it was paid with, as a Call
        self.forget()

    def forget(self):
        """Not posted (yet, or under the present member and instant)."""
        self.posted = {}            # (member, unit) -> points of all its lines
        self.member = self.t = self.version = self.zone = self.facts = self.tiers = None
        self.dead = False           # judged while its member was blocked
        self.shares = {}            # rule name -> points it is entitled to and holds
        self.short = {}             # rule name -> (wanted, got) where room was short
        self.excess = {}            # unit -> [[kind, lot, points]] lapsed or forgiven, still counted as posted
        self.counted = None         # amount by which it counts in member.spend, None = does not count
        self.own_lots = {}          # unit -> lots it ever posted to
        self.net = {}               # unit -> {lot or None for debt: points it has there, what was excused not counted}
        self.left = {}              # lot -> when points of it were last taken from there

    def known(self):
        return self.member is not None

    def has(self, unit, lot, points):
        net = self.net.setdefault(unit, {})
        net[lot] = net.get(lot, ZERO) + points

    def share(self, unit, lot):
        """What of a lot is its own: several events may share it."""
        return max(self.net.get(unit, {}).get(lot, ZERO), ZERO)


class Judged:
    """What the rows of an event say now, before anything is posted."""

    def __init__(self, member, t, amount, gross, rows):
        self.member, self.t, self.amount, self.gross, self.rows = member, t, amount, gross, rows


class Program(Spending, Rewards, Quotes, Codes, Undoing, Paying, Tiers):
    def __init__(self, zone='UTC', stacking='additive', enrolment='auto', on_error='queue', clock=None):
        self.zone, self.stacking, self.enrolment, self.on_error = zone, stacking, enrolment, on_error
        self.clock = clock
        self.units, self.rules, self.sources = {}, {}, {}
        self.tables = {}            # source name -> {key: row}
        self.attached = set()
        self.members, self.purses = {}, {}
        self.last_at = {}           # member -> latest posted_at
        self.events = {}            # (source, event key) -> Event
        self.usage = {}             # (member, rule, span start) -> points
        self.spent_budget = {}      # rule -> points
        self.failed = set()         # (source, event key)
        self.cached_version = None
        self.read_by_rules = set()  # columns that any rule ever read
        self.index = {}             # source -> event key -> set of row keys
        self.reductions = {}        # source -> reduced event key -> set of row keys
        self.init_spending()
        self.init_rewards()
        self.init_codes()
        self.init_undoing()
        self.init_tiers()

    # -- configuration

    def add_unit(self, unit):
        self.units[unit.name] = unit
        self.cached_version = None

    def add_source(self, source, attached=True):
        self.sources[source.name] = source
        self.tables.setdefault(source.name, {})
        self.index.setdefault(source.name, {})
        self.reductions.setdefault(source.name, {})
        if attached:
            self.attached.add(source.name)

    def add_rule(self, rule):
        self.rules[rule.name] = rule
        self.read_by_rules |= columns(rule.amount) | columns(rule.condition)
        self.cached_version = None

    def set_stacking(self, stacking):
        self.stacking = stacking
        self.cached_version = None

    def version(self):
        if self.cached_version is None:
            self.cached_version = Version(self.rules.values(), dict(self.units), self.stacking)
        return self.cached_version

    def add_member(self, member_id, joined_at, **more):
        self.members[member_id] = Member(joined_at, **more)

    def set_clock(self, instant):
        assert self.clock is None or instant >= self.clock
        self.clock = instant

    def tick(self):
        """Something is about to be written."""
        Lines.tick += 1
        self.walks.clear()
        return Lines.tick

    def now(self, member):
        return max(self.clock, self.last_at.get(member, NINF))

    def purse(self, member, unit):
        k = (member, unit)
        if k not in self.purses:
            u = self.units[unit]
            span = (u.expires, self.zone_of(member)) if u.expires.since_activity else None
            self.purses[k] = Purse(span)
            if any(g.carries(unit) for g in self.groups.values()):
                self.purses[k].carrier = Carrier(self, member, unit)
        return self.purses[k]

    def zone_of(self, member):
        m = self.members.get(member)
        return m.zone if m is not None and m.zone else self.zone

    # -- statements

    def row_key(self, source, row):
        return tuple(row[c] for c in source.key)

    def event_key(self, source, row):
        return (row[source.event],) if source.event else self.row_key(source, row)

    def place(self, source, key, row):
        """Put a row into, or take it out of (row None), a table and its indexes."""
        table = self.tables[source.name]
        old = table.pop(key, None)
        if old is not None:
            self.index[source.name][self.event_key(source, old)].discard(key)
            if source.reduces:
                self.reductions[source.name][old[source.reduces_key]].discard(key)
        if row is not None:
            key = self.row_key(source, row)
            table[key] = row
            self.index[source.name].setdefault(self.event_key(source, row), OrderedKeys()).add(key)
            if source.reduces:
                self.reductions[source.name].setdefault(row[source.reduces_key], OrderedKeys()).add(key)
        return old

    def statement(self, name, changes):
        """
        One statement: changes are ('I', row), ('U', key, {column: value}) and
        ('D', key).  Either all of it happens or it is refused.
        """
        source = self.sources[name]
        before = self.snapshot() if source.spend is not None and name in self.attached else None
        self.moved = set()
        try:
            self.change(source, changes)
        except Refused:
            if before is not None:
                self.__dict__ = before
            raise
        self.auto_moved()

    def change(self, source, changes):
        """What a statement does; a refusal by what members have leaves the tables half changed."""
        name = source.name
        touched, moves, undo = OrderedKeys(), [], []
        try:
            for c in changes:
                old = new = None
                if c[0] == 'I':
                    new = dict(c[1])
                    assert self.row_key(source, new) not in self.tables[name]
                    undo.append((self.row_key(source, new), None))
                    self.place(source, None, new)
                elif c[0] == 'U':
                    old = self.tables[name][c[1]]
                    new = dict(old)
                    new.update(c[2])
                    undo.append((self.row_key(source, new), old))
                    self.place(source, c[1], new)
                else:
                    old = self.place(source, c[1], None)
                    undo.append((c[1], old))
                if old is not None and new is not None:
                    if all(old.get(k) == new.get(k) for k in self.relevant(source)):
                        continue
                if source.reduces:
                    for row in (old, new):
                        if row is not None and row[source.reduces_key] is not None:
                            touched.add((source.reduces, (row[source.reduces_key],)))
                    continue
                if old is not None and new is not None and self.event_key(source, old) != self.event_key(source, new):
                    moves.append((self.event_key(source, old), self.event_key(source, new)))
                for row in (old, new):
                    if row is not None:
                        touched.add((name, self.event_key(source, row)))
            if name not in self.attached:
                return
            for s, k in touched:
                if s in self.attached:
                    self.may_refuse(self.sources[s], k)
        except Refused:
            for key, row in reversed(undo):
                if key in self.tables[name]:
                    self.place(source, key, None)
                if row is not None:
                    self.place(source, None, row)
            raise
        for old, new in moves:
            self.move(name, old, new)
        for s, k in touched:
            if s in self.attached:
                self.touch(self.sources[s], k)

    def relevant(self, source):
        """The columns that matter: a change of others is no change."""
        return set(source.key) | {source.event, source.occurred_at, source.reduces_key} | columns(source.member) \
            | columns(source.amount) | columns(source.condition) | columns(source.spend) | columns(source.spend_condition) \
            | self.read_by_rules

    def may_refuse(self, source, key):
        """LY002 and, under on_error 'raise', errors of evaluation."""
        try:
            j = self.look(source, key)
            if j is None or j.member is None:
                return
            if j.member not in self.members and self.enrolment == 'error':
                raise Refused('LY002', 'unknown member')
            e = self.events.get((source.name, key))
            version = self.version()
            if e is not None and (e.member, e.t) == (j.member, j.t):
                version = e.version
            for r in self.candidates(version, source, j):
                self.matching(r, source, j, {'purchases': ZERO, 'spend': ZERO, 'attributes': {}, 'tier': None, 'tiers': {}})
        except EvalError:
            if self.on_error == 'raise':
                raise Refused('22012', 'division by zero')

    def move(self, name, old, new):
        """A new key moves the postings: same lots, same facts (2)."""
        if self.index[name].get(old):
            return                  # other rows still carry the old key
        e = self.events.pop((name, old), None)
        if e is None:
            return
        before = Event(self.sources[name], old)
        before.posted = {k: ZERO for k in e.posted}
        self.events[(name, old)] = before
        e.key = new
        self.events[(name, new)] = e
        if (name, old) in self.failed:
            self.failed.discard((name, old))

    def backfill(self, name):
        """Post what is there in the order of occurred_at (1, batches)."""
        self.attached.add(name)
        source = self.sources[name]
        todo = []
        for key in list(self.index[name]):
            try:
                j = self.look(source, key)
            except EvalError:
                self.failed.add((name, key))
                continue
            paid = [] if source.spend is None else [self.instant(source, row) for row in (
                self.tables[name][k] for k in self.index[name][key]) if (value(source.spend, row, None) or ZERO) > 0]
            if j is not None or paid:
                todo.append((min(paid) if j is None else j.t, key))
        self.one_by_one = False     # as if they had been inserted in that order
        for t, key in sorted(todo):
            self.touch(source, key, min(t, self.clock))
        self.one_by_one = True

    def retry_failed(self):
        self.moved = set()
        for name, key in sorted(self.failed, key=str):
            self.touch(self.sources[name], key)
        self.auto_moved()

    # -- judging

    def instant(self, source, row):
        v = row[source.occurred_at]
        if v is None or source.time_type == 'timestamptz':
            return v
        return to_instant(naive(v), self.zone)

    def look(self, source, key):
        """What an event's rows say; None when no row counts."""
        rows, members, t, gross = [], [], INF, ZERO
        table = self.tables[source.name]
        for k in self.index[source.name].get(key, ()):
            row = table[k]
            if row[source.member[1]] is None and source.event is None:
                continue            # nobody's: nothing more is asked
            if source.condition is not None and value(source.condition, row, None) is not True:
                continue
            member = row[source.member[1]]
            amount = None
            if source.amount is not None and member is not None:
                amount = value(source.amount, row, None) or ZERO
                gross += amount
            if member not in members:
                members.append(member)
            t = min(t, self.instant(source, row))
            rows.append((row, amount))
        if not rows:
            return None
        if len(members) > 1:
            raise EvalError('rows name several members')
        net = gross
        for s in self.sources.values():
            if s.reduces == source.name and s.name in self.attached:
                for k in self.reductions[s.name].get(key[0], ()):
                    row = self.tables[s.name][k]
                    if s.condition is None or value(s.condition, row, None) is True:
                        net -= value(s.amount, row, None) or ZERO
        return Judged(members[0], t, max(net, ZERO), gross, rows)

    def candidates(self, version, source, j, tiers=None):
        """Enabled, valid at t, large enough, for a tier that is held (1.2); nothing for an amount <= 0 (1.1)."""
        if source.amount is not None and j.amount <= 0:
            return []
        return [r for r in version.rules_of(source.name)
                if r.valid[0] <= j.t < r.valid[1]
                and (r.min_amount is None or source.amount is None or r.min_amount <= j.amount)
                and (source.amount is not None or r.earn.kind == 'flat')
                and (r.tiers is None or tiers is None or any(x in r.tiers for x in tiers.values() if x is not None))]

    def matching(self, rule, source, j, facts):
        """The rule's amount over the rows that match it; None when no row does."""
        total, any_row = ZERO, False
        for row, amount in j.rows:
            if rule.condition is not None and value(rule.condition, row, facts) is not True:
                continue
            any_row = True
            if rule.earn.kind in ('linear', 'block'):
                total += amount if rule.amount is None else (value(rule.amount, row, facts) or ZERO)
        if not any_row:
            return None
        if source.amount is not None and j.gross > 0:
            total = total * j.amount / j.gross      # a reduction shrinks every amount alike (2)
        return total

    def facts_for(self, member, e, tiers):
        """member.* as this event sees it, itself excluded (1)."""
        m = self.members[member]
        purchases, spend = Fraction(m.purchases), m.spend
        if e.member == member and e.counted is not None:
            purchases -= 1
            spend -= e.counted
        return dict({'purchases': purchases, 'spend': spend, 'attributes': dict(m.attributes)}, **self.tier_facts(tiers))

    def touch(self, source, key, history=None):
        """Bring what an event has posted to what it is entitled to now; history: when it was paid with points."""
        name = source.name
        e = self.events.get((name, key))
        if e is None:
            e = self.events[(name, key)] = Event(source, key)
        if source.on_delete == 'keep' and not self.index[name].get(key):
            self.failed.discard((name, key))
            return
        if source.spend is not None:
            self.pay(source, e, key, history)
        try:
            j = self.look(source, key)
            member = None if j is None else j.member
            fresh = member is not None and (e.member, e.t) != (member, j.t)
            if fresh and self.enrolment == 'ignore' and \
                    (member not in self.members or j.t < self.members[member].joined_at):
                member, fresh = None, False     # 1.8: never by itself; it is nobody's, and not judged
            matched = {}
            if member is not None:
                if member not in self.members:
                    if self.enrolment == 'error':
                        raise Refused('LY002', 'unknown member')
                    self.members[member] = Member(j.t)
                version = self.version() if fresh else e.version
                tiers = self.tiers_at(member, min(j.t, self.now(member))) if fresh else e.tiers
                facts = self.facts_for(member, e, tiers) if fresh else e.facts
                matched = self.matched(version, source, j, facts, tiers)
        except EvalError:
            self.failed.add((name, key))
            return
        self.failed.discard((name, key))
        self.moved |= {x for x in (e.member, member) if x is not None}

        if e.known() and (member is None or fresh):
            self.post(e, {}, {}, first=False)
            self.count(e, None)
            if fresh:
                e.forget()          # a new member or instant: judged as new (2)
        if member is None:
            return
        m = self.members[member]
        if fresh:
            e.member, e.t, e.version, e.facts, e.tiers = member, j.t, version, facts, tiers
            e.zone = self.zone_of(member)
            e.dead = m.status == 'blocked'
        counts = source.purchase and not e.dead and (source.amount is None or j.amount > 0)
        self.count(e, round_half_away(j.amount, Fraction(1, 10000)) if counts else None)
        if e.dead:
            return
        shares, short = self.entitle(e, matched)
        self.note_movement(e, shares, fresh)
        late = fresh and e.t < self.now(member)
        before = self.before_late(member, e.t) if late else None
        self.post(e, shares, short, first=fresh)
        if late:
            judged = {r.unit for r in e.version.rules if r.name in e.shares} & {u for g in self.groups.values() for u in g.units()}
            self.after_late(member, e.t, before, bool(judged))

    def matched(self, version, source, j, facts, tiers):
        """The rules that match: rule name -> amount."""
        found = {}
        for r in self.candidates(version, source, j, tiers):
            n = self.matching(r, source, j, facts)
            if n is not None:
                found[r.name] = n
        return found

    def raise_tiers(self, e, tiers):
        """An event is judged by higher tiers than were known: what that is more is posted (5, top_up)."""
        try:
            j = self.look(e.source, e.key)
            if j is None or j.member is None:
                return False
            facts = dict(e.facts, **self.tier_facts(tiers))
            matched = self.matched(e.version, e.source, j, facts, tiers)
        except EvalError:
            return False
        shares, short = self.entitle(e, matched)
        for unit in e.version.units:
            mine = [r.name for r in e.version.rules if r.unit == unit]
            if sum((shares.get(x, ZERO) - e.shares.get(x, ZERO) for x in mine), ZERO) < 0:
                return False        # raises, never lowers
        e.tiers, e.facts = tiers, facts
        more = shares != e.shares
        self.post(e, shares, short, first=False)
        return more

    def count(self, e, amount):
        """member.purchases and member.spend."""
        m = self.members[e.member]
        if e.counted is not None:
            m.purchases -= 1
            m.spend -= e.counted
        if amount is not None:
            m.purchases += 1
            m.spend += amount
        e.counted = amount

    # -- caps

    def span(self, rule, e):
        return (e.member, rule.name, span_start(e.t, rule.cap_period or 'ever', self.zone))

    def room(self, rule, e):
        """Free room beside what the event holds already; None when nothing limits."""
        free = None
        if rule.max_per_member is not None:
            free = rule.max_per_member - self.usage.get(self.span(rule, e), ZERO)
        if rule.budget is not None:
            b = rule.budget - self.spent_budget.get(rule.name, ZERO)
            free = b if free is None else min(free, b)
        return None if free is None else max(ZERO, free)

    def grant(self, rule, e, want, step, short, bounds):
        """The part of a contribution that its own cap and the room allow."""
        if rule.max_per_event is not None:
            want = min(want, rule.max_per_event)
        free = self.room(rule, e)
        if free is None:
            return want
        held = e.shares.get(rule.name, ZERO)
        bounds[rule.name] = held + free
        if rule.name not in e.short:
            got = want if want < held + free + step else held + free
        else:
            want0, got0 = e.short[rule.name]
            if want <= want0:
                got = min(want, got0)
            else:
                got = min(want, max(got0, min(got0 + want - want0, held + free)))
        if got < want:
            short[rule.name] = (want, got)
        return got

    def entitle(self, e, matched):
        """Section 1, steps 3 to 6: matched rules' amounts to shares per rule."""
        version = e.version
        shares, short = {}, {}
        by_unit = {}
        for r in version.rules:
            if r.name in matched:
                by_unit.setdefault(r.unit, []).append(r)
        for unit_name, rules in by_unit.items():
            unit = version.units[unit_name]
            bounds = {}
            part = {}
            tried = {}
            for r in rules:
                if r.earn.kind == 'multiplier':
                    continue
                n = max(ZERO, r.earn.pays(matched[r.name]))
                if n > 0:
                    part[r.name] = self.grant(r, e, n, unit.step, tried, bounds)
            self.elect(rules, part, tried)
            base = sum((part[r.name] for r in rules if r.name in part and r.earn.kind != 'flat'), ZERO)
            extra = {}
            multipliers = [r for r in rules if r.earn.kind == 'multiplier']
            if version.stacking == 'best' and multipliers:
                multipliers = [max(multipliers, key=lambda r: (r.earn.num, r.priority, Backwards(r.name)))]
            running = base
            for r in multipliers:   # in the order of priority
                on = running if version.stacking == 'multiplicative' else base
                n = (r.earn.num - 1) * on
                running += n
                if n > 0:
                    extra[r.name] = self.grant(r, e, n, unit.step, tried, bounds)
            self.elect(multipliers, extra, tried)
            part.update(extra)
            if unit.max_per_event is not None:
                over = sum(part.values(), ZERO) - unit.max_per_event
                for r in reversed(rules):       # lowest priority first
                    if over > 0 and r.name in part:
                        n = min(over, part[r.name])
                        part[r.name] -= n
                        over -= n
            shares.update(self.allocate(unit, rules, part, bounds))
            short.update(tried)
        return shares, short

    @staticmethod
    def elect(rules, part, tried):
        """In an exclusive group the one that pays most stays; losers claim nothing (1.3)."""
        best = {}
        for r in rules:             # in the order that wins ties
            if r.exclusive_group and r.name in part:
                b = best.get(r.exclusive_group)
                if b is None or part[r.name] > part[b]:
                    best[r.exclusive_group] = r.name
        for r in rules:
            if r.exclusive_group and r.name in part and best[r.exclusive_group] != r.name:
                del part[r.name]
                tried.pop(r.name, None)

    @staticmethod
    def allocate(unit, rules, part, bounds):
        """One rounding on the total, given to the rules by largest remainder (1.6)."""
        step = unit.step
        target = round_to(sum(part.values(), ZERO), step, unit.rounding)
        shares = {}
        for r in rules:
            if r.name in part:
                shares[r.name] = floor_to(part[r.name], step)
                if r.name in bounds:
                    shares[r.name] = min(shares[r.name], bounds[r.name])
        order = sorted((r for r in rules if r.name in part),
                       key=lambda r: (-(part[r.name] - floor_to(part[r.name], step)), r.order()))
        left = target - sum(shares.values(), ZERO)
        for r in order:
            if left > 0 and part[r.name] > shares[r.name] and \
                    shares[r.name] + step <= bounds.get(r.name, shares[r.name] + step):
                shares[r.name] += step
                left -= step
        return {k: v for k, v in shares.items() if v > 0}

    # -- posting

    def post(self, e, shares, short, first):
        """Post the difference between what an event is entitled to and what it holds (2)."""
        now = self.now(e.member)
        self.tick()
        e.short = short
        units = []
        rules = {}
        for r in e.version.rules:
            rules[r.name] = r
            if (r.name in shares or r.name in e.shares) and r.unit not in units:
                units.append(r.unit)
        for unit in units:
            purse = self.purse(e.member, unit)
            purse.settle(now)
            mine = [r for r in e.version.rules if r.unit == unit]
            total = sum((shares.get(r.name, ZERO) - e.shares.get(r.name, ZERO) for r in mine), ZERO)
            if total == 0:
                continue
            sign = 1 if total > 0 else -1
            gaps = []
            for r in mine:
                gap = (shares.get(r.name, ZERO) - e.shares.get(r.name, ZERO)) * sign
                if gap > 0:
                    gaps.append((-gap, r.order(), r))
            left = abs(total)
            steps = []
            for gap, _, r in sorted(gaps, key=lambda x: x[:2]):
                n = min(-gap, left)
                left -= n
                if n > 0:
                    steps.append((r, n))
                    e.shares[r.name] = e.shares.get(r.name, ZERO) + sign * n
                    k = self.span(r, e)
                    self.usage[k] = self.usage.get(k, ZERO) + sign * n
                    self.spent_budget[r.name] = self.spent_budget.get(r.name, ZERO) + sign * n
            if sign > 0:
                self.increase(e, purse, unit, steps, now, e.t if first else now)
            else:
                self.decrease(e, purse, unit, steps, now)
            self.last_at[e.member] = now

    def lot_of(self, e, purse, rule):
        """The frozen lot range of a rule's points (1.7)."""
        unit = e.version.units[rule.unit]
        start = (rule.activates or unit.activates).end(e.t, e.zone)
        if rule.expires is None and unit.expires.since_activity:
            return purse.lot(start, None)
        return purse.lot(start, (rule.expires or unit.expires).end(e.t, e.zone))

    def increase(self, e, purse, unit, steps, now, dated):
        # what lapsed or was forgiven is used up first, by each rule what its own lot lost: so a
        # status that flaps ends where it began
        steps = sorted(steps, key=lambda x: x[0].order())
        excess = e.excess.setdefault(unit, [])
        lots = [self.lot_of(e, purse, r) for r, _ in steps]
        rest = [n for _, n in steps]
        held = dict(e.shares)       # before these steps
        for r, n in steps:
            held[r.name] -= n
        for own in (True, False):
            for i, lot in enumerate(lots):
                for x in excess:
                    if x[1] is lot or not own:
                        used = min(rest[i], x[2])
                        if x[0] == 'lapsed':
                            used = min(used, purse.story(x[1], now)[2])
                        rest[i] -= used
                        held[steps[i][0].name] += used
                        x[2] -= used
                        if x[0] == 'lapsed':
                            x[1].excuses.append((now, now, -used))
                        e.has(unit, lot if x[1] is None else x[1], used)
        earned = ZERO
        for (rule, _), lot, n in zip(steps, lots, rest):
            held[rule.name] += n
            for place, missing in self.lacking(e, purse, unit, held):
                if place is None:
                    missing = min(missing, purse.debt())
                elif place is lot or now >= purse.own_end(place, e.left.get(place, NINF), now):
                    continue        # its own go to its lot anyway
                back = min(n, missing)
                if back > 0:
                    if place is None:
                        purse.debt_lines.append((now, now, -back))
                    else:
                        place.lines.append((now, now, back))
                    e.has(unit, place, back)
                    n -= back
                    earned += back
            if n > 0:
                own = e.own_lots.setdefault(unit, [])
                if lot not in own:
                    own.append(lot)
                lot.lines.append((dated, now, n))
                e.has(unit, lot, n)
                earned += n
        e.excess[unit] = [x for x in excess if x[2] > 0]
        if earned > 0:
            if purse.span:
                insort(purse.activity, (dated, now))
            self.note(e, unit, earned)
            purse.repay(now, now)

    def lacking(self, e, purse, unit, held):
        """
        [(lot or None for debt, points)]: how much less of it there is in each lot than the rules hold whose own it
        is.  It was taken there for others and goes back there: debt first, then what was touched last.
        """
        net = dict(e.net.get(unit, {}))
        for r in e.version.rules:
            if r.unit == unit and held.get(r.name, ZERO) != 0:
                lot = self.lot_of(e, purse, r)
                net[lot] = net.get(lot, ZERO) - held[r.name]
        return sorted([(lot, -n) for lot, n in reversed(net.items()) if n < 0], key=lambda x: x[0] is not None)

    def take_from(self, e, purse, unit, lot, points, now):
        """Take points of an event out of a lot, as far as there are any."""
        got = min(points, max(purse.points(lot, now), ZERO))
        if got <= 0:
            return ZERO
        lot.lines.append((now, now, -got))
        e.has(unit, lot, -got)
        e.left[lot] = now
        return got

    def decrease(self, e, purse, unit, steps, now):
        excess = e.excess.setdefault(unit, [])
        taken = ZERO
        rest = ZERO
        steps = sorted(steps, key=lambda x: x[0].order())
        for r, n in steps:
            lot = self.lot_of(e, purse, r)
            excused = min(n, purse.state(lot, now)[1])
            if excused > 0:
                lot.excuses.append((now, now, excused))
                excess.append(['lapsed', lot, excused])
                e.has(unit, lot, -excused)
                n -= excused
            got = self.take_from(e, purse, unit, lot, min(n, e.share(unit, lot)), now)
            taken += got
            rest += n - got
        for lot in e.own_lots.get(unit, []):        # then its other lots; others' points there excuse nothing
            excused = min(rest, purse.state(lot, now)[1], e.share(unit, lot))
            if excused > 0:
                lot.excuses.append((now, now, excused))
                excess.append(['lapsed', lot, excused])
                e.has(unit, lot, -excused)
                rest -= excused
            got = self.take_from(e, purse, unit, lot, min(rest, e.share(unit, lot)), now)
            taken += got
            rest -= got
        pending = sorted(purse.pending(now), key=lambda x: (-x.start, purse.end_of(x)))
        for lot in pending + purse.active(now):
            got = self.take_from(e, purse, unit, lot, rest, now)
            taken += got
            rest -= got
        if rest > 0:
            if e.version.units[unit].on_shortfall == 'forgive':
                excess.append(['forgiven', None, rest])
                for r, n in reversed(steps):
                    e.has(unit, self.lot_of(e, purse, r), -min(n, rest))
                    rest -= min(n, rest)
            else:
                purse.debt_lines.append((now, now, rest))
                e.has(unit, None, -rest)
                taken += rest
        self.note(e, unit, -taken)

    def note(self, e, unit, points):
        k = (e.member, unit)
        e.posted[k] = e.posted.get(k, ZERO) + points

    # -- corrections by hand

    def adjust(self, member, unit, points, expires_at=None, allow_debt=False):
        now = self.now(member)
        self.tick()
        purse = self.purse(member, unit)
        purse.settle(now)
        if points > 0:
            u = self.units[unit]
            if expires_at is not None:
                lot = purse.lot(now, expires_at)
            elif u.expires.since_activity:
                lot = purse.lot(now, None)
            else:
                lot = purse.lot(now, u.expires.end(now, self.zone_of(member)))
            lot.lines.append((now, now, points))
            purse.repay(now, now)
        else:
            left = -points
            if left > sum((purse.points(x, now) for x in purse.active(now)), ZERO) and not allow_debt:
                raise Refused('LY001', 'insufficient points')
            for lot in purse.active(now):
                got = min(left, purse.points(lot, now))
                lot.lines.append((now, now, -got))
                left -= got
                if left == 0:
                    break
            if left > 0:
                purse.debt_lines.append((now, now, left))
        self.last_at[member] = now

    # -- reading

    def balance(self, member, unit, at=None, known_at=None):
        """Exact points available at an instant (default: now)."""
        if (member, unit) not in self.purses:
            return ZERO
        purse = self.purses[(member, unit)]
        now = self.now(member)
        if known_at is not None or (at is not None and at < now):
            purse = purse.copy()
            purse.settle(now)
            return purse.read_past(now if at is None else at, now if known_at is None else known_at)
        return purse.read(now if at is None else at)[0]

    def state(self, member, unit):
        """(available exact, pending, debt) now."""
        if (member, unit) not in self.purses:
            return (ZERO, ZERO, ZERO)
        return self.purses[(member, unit)].read(self.now(member))

    def held(self, member, unit):
        """Points in open holds now."""
        return self.purses[(member, unit)].held(self.now(member)) if (member, unit) in self.purses else ZERO

    def shown(self, unit, points):
        """What people see of exact points: the floor."""
        return floor_to(points, self.units[unit].shown_step)

    def posted(self, source, key):
        """Points per (member, unit) of all lines of an event, as it is now identified."""
        e = self.events.get((source, key))
        return {} if e is None else {k: v for k, v in e.posted.items() if v != 0}


class OrderedKeys(dict):
    """A set that remembers the order of insertion."""

    def add(self, k):
        self[k] = True

    def discard(self, k):
        self.pop(k, None)


class Backwards(str):
    """Text that sorts the other way round, so that max() prefers the first name."""

    def __lt__(self, other):
        return str.__gt__(self, other)

    def __gt__(self, other):
        return str.__lt__(self, other)
