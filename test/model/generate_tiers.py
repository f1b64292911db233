"""
Random tiers: groups over a unit that is there for them or over any other,
several tiers, thresholds in further units, and what happens to them:

    ('tiers', kind, instant, {argument: value})

`give`: a tier by hand; `threshold`, `insert`, `delete`, `group`, `years`: the
configuration changes; `use`, `unuse`: benefits.  The clock goes to the instant
before and a second further after, so that nothing else happens at that instant;
but for ('tiers', kind, instant, {...}, 'now'): what comes next does.

Not in here: tiers by units that follow the last activity, which cannot qualify.
"""

from fractions import Fraction

from clock import DAY, HOUR, INF, SECOND
from spending import Refused

TIERS = {'tiers': 1.0, 'tier_top_up': 0.35, 'tier_edits': 0.4, 'tier_hand': 0.4, 'tier_groups': 0.5, 'tier_needs': 0.35,
         'tier_rewards': 0.4}

# More of them: what is rarer, and seeds of its own
TIERS_TOO = dict(TIERS, tier_top_up=0.5, tier_edits=0.5, tier_hand=0.5, rollover=0.6, life=0.5, benefits=0.5, moving=0.4,
                 tier_caps=0.6, tier_now=0.5, member_zones=0.4, late=0.6, caps=0.5, clock=1.0)

NAMES = {'club': ['Silver', 'Gold', 'Platinum'], "ma'am": ['Brass', 'Iron', "King's"]}
WINDOWS = ['30 days', '45 days', '3 months', '12 months', 'to end of month', 'to end of quarter', '10 days', 'never',
           '1 month to end of month', '2 weeks']
KEEPS = ['10 days', '30 days', '1 month', '3 months', 'to end of month', '1 month to end of month', '12 months', 'immediately',
         'never', '2 weeks', '45 days']


CALENDAR = ['to end of month', 'to end of month', 'to end of quarter', 'to end of year', '1 month to end of month', 'to end of week']


class TierOps:
    """Mixed into Generator."""

    def make_tier_units(self):
        """A unit that is there for tiers."""
        r = self.r
        u = {'name': 'credit', 'activates': 'immediately', 'expires': r.choice(WINDOWS if not self.has('rollover') else CALENDAR)}
        if self.has('rollover'):
            u['spendable'] = False
        if self.chance(0.2) and u['expires'] in ('30 days', '45 days', '3 months', '12 months', 'never'):
            u['activates'] = r.choice(['3 days', '36 hours'])
        if self.has('forgive') and self.chance(0.5):
            u['on_shortfall'] = 'forgive'
        self.spec.units.append(u)

    def make_tiers(self):
        r, s = self.r, self.spec
        s.groups = []
        for name in list(NAMES)[:2 if self.has('tier_groups') else 1]:
            unit = 'credit' if name == 'club' or self.chance(0.3) else self.qualifying()
            g = {'name': name, 'unit': unit, 'keep': r.choice(KEEPS)}
            if self.chance(0.4):
                g['keep_renewed'] = r.choice(KEEPS)
            if self.chance(0.4):
                g['downgrade'] = 'one_level'
            if self.has('tier_top_up'):
                g['top_up'] = True
            if self.has('rollover') and unit == 'credit' and not any(x.get('rollover') for x, _ in s.groups):
                g['rollover'] = 'excess'
                if self.chance(0.4):
                    g['rollover_max'] = Fraction(r.choice([10, 50, 100]))
            n, tiers = r.choice([50, 100, 200, 300]), []
            more = self.qualifying() if self.has('tier_needs') and self.chance(0.7) else unit
            for i, tier in enumerate(NAMES[name][:r.randint(1, 3)]):
                x = {'name': tier, 'rank': 10 * (i + 1), 'threshold': Fraction(n)}
                if more != unit and self.chance(0.8):
                    x['more'] = {more: Fraction(10 * (i + 1))}
                    x['qualify'] = r.choice(['all', 'any'])
                    if self.chance(0.15):
                        x['threshold'] = None
                if self.has('life') and self.chance(0.6):
                    x['life_years'] = r.choice([1, 1, 2])
                tiers.append(x)
                n += r.choice([50, 100, 200, 500])
            if self.has('tier_hand') and self.chance(0.5):
                tiers.append({'name': 'VIP ' + name, 'rank': r.choice([15, 90]), 'threshold': None})
            s.groups.append((g, tiers))
            if self.has('benefits'):
                for x in tiers:
                    for benefit in ['lounge', "king's tea"]:
                        if self.chance(0.7):
                            limited = self.chance(0.8)
                            s.benefits.append((x['name'], benefit, r.randint(1, 3) if limited else None, r.choice(
                                ['day', 'week', 'month', 'quarter', 'year', 'stay', 'stay', 'ever']) if limited else None))

    def qualifying(self):
        return self.r.choice([u['name'] for u in self.spec.units if not u['expires'].endswith('activity')])

    def topping_units(self):
        """Units that rules which depend on tiers may not pay."""
        return {u for g, tiers in self.spec.groups if g.get('top_up')
                for u in [g['unit']] + [u for t in tiers for u in t.get('more', {})]}

    def tier_rule(self, rule):
        """Some rules look at tiers."""
        r = self.r
        if not self.chance(0.45) or rule['unit'] in self.topping_units():
            return
        if self.has('tier_top_up'):     # who comes first to short room is nobody's business
            for k in ('max_per_member', 'cap_period', 'budget', 'exclusive_group') if not self.has('tier_caps') else ('exclusive_group',):
                rule.pop(k, None)
        group, tiers = r.choice(self.spec.groups)
        names = [x['name'] for x in tiers]
        some = names[r.randrange(len(names)):]          # a higher tier never has less
        if self.chance(0.55):
            rule['tiers'] = some
            return
        tier = ('member', 'tier') if group is self.spec.groups[0][0] and self.chance(0.5) else ('tier_of', group['name'])
        c = r.choice([('in', tier, some), ('not', ('isnull', tier)), ('=', tier, ('str', names[-1]))])
        rule['condition'] = ('and', rule['condition'], c) if 'condition' in rule else c

    def more_tier_rules(self):
        """What pays for the unit of tiers, and what tiers pay."""
        r, rules = self.r, self.spec.rules
        rules.append({'name': 'credit', 'unit': 'credit', 'source': 'orders', 'earn': r.choice(['1 per 1', '1 per 1', '2 per 1', '1 per 2'])})
        group, tiers = r.choice(self.spec.groups)
        names = [x['name'] for x in tiers]
        if 'points' not in self.topping_units() and self.unit('points').get('rounding') != 'carry':
            rules.append({'name': 'bonus', 'unit': 'points', 'source': 'orders', 'earn': '1 per 1', 'tiers': names})
            if self.has('multipliers'):
                rules.append({'name': 'more', 'unit': 'points', 'source': 'orders', 'earn': 'x2', 'tiers': names[-1:]})

    def tier_rewards(self):
        for x in self.spec.rewards:
            if self.chance(0.6):
                group, tiers = self.r.choice(self.spec.groups)
                x['tiers'] = [t['name'] for t in tiers][self.r.randrange(len(tiers)):]

    # ------------------------------------------------------------ what happens

    def tier_op(self):
        kinds = (['give'] * 3 if self.has('tier_hand') else []) + \
            (['threshold'] * 3 + ['insert', 'delete', 'group'] + ['group'] * (4 if self.spec.seed >= 400000 else 0) if self.has('tier_edits') else []) + \
            (['years'] if self.has('life') and self.has('tier_edits') else []) + (['use'] * 6 + ['unuse'] if self.spec.benefits else [])
        if not kinds:
            return None
        kind = self.r.choice(kinds)
        args = getattr(self, 'tier_' + kind)()
        at = self.p.clock + self.r.randint(1, 3000) * SECOND + self.r.randint(1, 999999)
        return args and ('tiers', kind, at, args) + (('now',) if self.has('tier_now') and self.chance(0.4) else ())

    def some_group(self):
        return self.p.groups[self.r.choice(list(self.p.groups))]

    def tier_give(self):
        r = self.r
        known = [m for m, x in self.p.members.items() if x.status == 'active']
        g = self.some_group()
        if not known:
            return None
        if self.chance(0.2):
            return {'member': r.choice(known), 'group': g.name, 'tier': None, 'until': None}
        until = r.choice([None, INF, self.p.clock + r.randint(1, 60) * DAY, self.p.clock + r.randint(1, 9) * DAY])
        if until is None and g.settings['keep'] == 'immediately':
            until = self.p.clock + r.randint(1, 500) * HOUR
        tiers = [x for x in g.tiers.values() if not x.closed]
        return tiers and {'member': r.choice(known), 'group': g.name, 'tier': r.choice(tiers).name, 'until': until}

    def tier_threshold(self):
        g = self.some_group()
        some = [x for x in g.tiers.values() if not x.closed and x.needs]
        if not some:
            return None
        x = self.r.choice(some)
        unit = self.r.choice(sorted(x.needs))
        n = self.r.choice([x.needs[unit] * 2, x.needs[unit] // 2, x.needs[unit] + 50, x.needs[unit] - 40, x.needs[unit] * 3 // 4])
        return {'group': g.name, 'tier': x.name, 'unit': unit, 'value': n} if n > 0 else None

    def tier_insert(self):
        g = self.some_group()
        unit = g.settings['unit']
        some = sorted((x for x in g.tiers.values() if not x.closed and set(x.needs) == {unit}), key=lambda x: x.rank)
        pairs = [(a, b) for a, b in zip(some, some[1:]) if b.rank - a.rank > 1 and b.needs[unit] - a.needs[unit] > 1]
        if pairs and self.chance(0.7):
            a, b = self.r.choice(pairs)
            rank, n = (a.rank + b.rank) // 2, (a.needs[unit] + b.needs[unit]) // 2
        else:
            rank, n = max([x.rank for x in g.tiers.values()]) + 5, max([x.needs.get(unit, 0) for x in g.tiers.values()]) + 100
        return {'group': g.name, 'tier': 'New %d' % self.next(), 'rank': rank, 'value': n}

    def tier_delete(self):
        g = self.some_group()
        some = [x for x in g.tiers.values() if not x.closed]
        return {'group': g.name, 'tier': self.r.choice(some).name} if len(some) > 1 else None

    def tier_group(self):
        r, g = self.r, self.some_group()
        some = [{'keep': r.choice(KEEPS)}, {'keep_renewed': r.choice(KEEPS + [None])}, {'downgrade': r.choice(['one_level', 'to_qualified'])}]
        if self.has('tier_top_up') and self.spec.seed >= 400000:
            some += [{'top_up': not g.settings['top_up']}] * 2
        if self.has('rollover') and g.settings['unit'] == 'credit' and not any(
                x.settings['rollover'] == 'excess' for x in self.p.groups.values() if x is not g):
            some += [{'rollover': r.choice(['none', 'excess'])}] * 2 + [{'rollover_max': r.choice([None, Fraction(20), Fraction(200)])}]
        return {'group': g.name, 'set': r.choice(some)}

    def tier_years(self):
        g = self.some_group()
        some = [x for x in g.tiers.values() if not x.closed]
        return {'group': g.name, 'tier': self.r.choice(some).name, 'years': self.r.choice([None, 1, 1, 2])} if some else None

    def tier_use(self):
        r, p = self.r, self.p
        known = [m for m in p.members if p.benefits_of(m)]
        member = r.choice(known if known and self.chance(0.8) else list(p.members) or [None])
        if member is None:
            return None
        key = 'use %d' % self.next() if self.chance(0.4) else None
        before = [x for x in self.spec.ops if x[0] == 'tiers' and x[1] == 'use' and x[3]['key']]
        if before and self.chance(0.2):
            args = dict(r.choice(before)[3], no=('use', self.next()))
            return dict(args, benefit=r.choice(self.spec.benefits)[1]) if self.chance(0.3) else args
        return {'no': ('use', self.next()), 'member': member, 'benefit': r.choice(self.spec.benefits)[1], 'key': key}

    def tier_unuse(self):
        some = [k for k in self.p.calls if isinstance(k, tuple) and k[0] == 'use']
        return {'no': self.r.choice(some[-6:]), 'how': self.r.choice(['cancel', 'reverse'])} if some else None


def add_tiers(p, spec):
    """The tiers of a program, for its model."""
    for g, tiers in spec.groups:
        p.add_group(tiers=tiers, **g)
    p.benefits = {x[:2]: x[2:] for x in spec.benefits}


def changed(p, kind, args):
    """The group as it would be; None when that is not possible (an operation may have been left out)."""
    g = p.groups.get(args['group'])
    if g is None or kind != 'insert' and 'tier' in args and args['tier'] is not None and \
            (args['tier'] not in g.tiers or g.tiers[args['tier']].closed):
        return None
    if kind == 'give':
        if args['member'] not in p.members or p.members[args['member']].status != 'active':
            return None
        if args['tier'] is not None and (args['until'] is None and g.settings['keep'] == 'immediately' or
                                         args['until'] is not None and args['until'] <= p.now(args['member'])):
            return None
        return g
    new = type(g)(g.name, **g.settings)
    new.tiers = {k: x.copy() for k, x in g.tiers.items()}
    new.ladders = g.ladders
    if kind == 'threshold':
        new.tiers[args['tier']].needs[args['unit']] = args['value']
    elif kind == 'insert':
        if args['tier'] in new.tiers:
            return None
        new.tiers[args['tier']] = p.tier(new, {'name': args['tier'], 'rank': args['rank'], 'threshold': args['value']})
    elif kind == 'delete':
        new.tiers[args['tier']].closed = True
        new.tiers[args['tier']].life_years = None       # it takes nobody any more, not for life either
    elif kind == 'years':
        new.tiers[args['tier']].life_years = args['years']
    else:
        new.settings = dict(g.settings, **args['set'])
        if new.settings['rollover'] == 'none' and new.settings['rollover_max'] is not None:
            return None
    some = sorted((x for x in new.tiers.values() if not x.closed), key=lambda x: x.rank)
    for i, a in enumerate(some):
        for b in some[i + 1:]:
            if a.rank == b.rank:
                return None
            for u in set(a.needs) & set(b.needs):
                if a.needs[u] > b.needs[u] or a.needs[u] == b.needs[u] and u == new.settings['unit']:
                    return None
    return new


def tiers_possible(p, op):
    """Whether an operation can be made, or is refused; else it is left out."""
    _, kind, _, args, *_ = op
    if kind == 'use':
        return args['no'] not in p.calls and any(k[1] == args['benefit'] for k in p.benefits)
    if kind == 'unuse':
        return args['no'] in p.calls
    return changed(p, kind, args) is not None


def apply_tiers(p, op):
    """An operation on the model; the clock was set before.  The SQLSTATEs that may come."""
    _, kind, _, args, *_ = op
    if not tiers_possible(p, op):
        return None
    try:
        if kind == 'use':
            p.kinds['benefit used' if p.use_benefit(**args) else 'benefit used again by its key'] += 1
        elif kind == 'unuse':
            p.give_back(args['no'])
            p.kinds['benefit given back'] += 1
        elif kind == 'give':
            p.set_tier(args['member'], args['group'], args['tier'], args['until'])
            p.kinds['by hand: taken' if args['tier'] is None else 'by hand with an end' if args['until'] else 'by hand'] += 1
        else:
            g = p.groups[args['group']] = changed(p, kind, args)
            p.tiers_change(g.name)
            p.kinds['changed: ' + (kind if kind != 'group' else next(iter(args['set'])))] += 1
    except Refused as e:
        p.kinds['benefit refused: ' + e.sqlstate] += 1
        return e.states
    return ''
