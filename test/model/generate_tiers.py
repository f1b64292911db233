"""
Random tiers: groups over a unit that is there for them or over any other,
several tiers, thresholds in further units, and what happens to them:

    ('tiers', kind, instant, {argument: value})

`give`: a tier by hand; `threshold`, `insert`, `delete`, `group`: the
configuration changes.  The clock goes to the instant before and a second
further after, so that nothing else happens at that instant.

Not in here: rollover, tiers for life after years, benefits, members who move
to another time zone while they hold a tier, and tiers by units that follow the
last activity; pgTAP looks at the first three.
"""

from fractions import Fraction

from clock import DAY, HOUR, INF, SECOND

TIERS = {'tiers': 1.0, 'tier_top_up': 0.35, 'tier_edits': 0.4, 'tier_hand': 0.4, 'tier_groups': 0.5, 'tier_needs': 0.35,
         'tier_rewards': 0.4}

NAMES = {'club': ['Silver', 'Gold', 'Platinum'], "ma'am": ['Brass', 'Iron', "King's"]}
WINDOWS = ['30 days', '45 days', '3 months', '12 months', 'to end of month', 'to end of quarter', '10 days', 'never',
           '1 month to end of month', '2 weeks']
KEEPS = ['10 days', '30 days', '1 month', '3 months', 'to end of month', '1 month to end of month', '12 months', 'immediately',
         'never', '2 weeks', '45 days']


class TierOps:
    """Mixed into Generator."""

    def make_tier_units(self):
        """A unit that is there for tiers."""
        r = self.r
        u = {'name': 'credit', 'activates': 'immediately', 'expires': r.choice(WINDOWS)}
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
            n, tiers = r.choice([50, 100, 200, 300]), []
            more = self.qualifying() if self.has('tier_needs') and self.chance(0.7) else unit
            for i, tier in enumerate(NAMES[name][:r.randint(1, 3)]):
                x = {'name': tier, 'rank': 10 * (i + 1), 'threshold': Fraction(n)}
                if more != unit and self.chance(0.8):
                    x['more'] = {more: Fraction(10 * (i + 1))}
                    x['qualify'] = r.choice(['all', 'any'])
                    if self.chance(0.15):
                        x['threshold'] = None
                tiers.append(x)
                n += r.choice([50, 100, 200, 500])
            if self.has('tier_hand') and self.chance(0.5):
                tiers.append({'name': 'VIP ' + name, 'rank': r.choice([15, 90]), 'threshold': None})
            s.groups.append((g, tiers))

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
            for k in ('max_per_member', 'cap_period', 'budget', 'exclusive_group'):
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
            (['threshold'] * 3 + ['insert', 'delete', 'group'] if self.has('tier_edits') else [])
        if not kinds:
            return None
        kind = self.r.choice(kinds)
        args = getattr(self, 'tier_' + kind)()
        at = self.p.clock + self.r.randint(1, 3000) * SECOND + self.r.randint(1, 999999)
        return args and ('tiers', kind, at, args)

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
        r = self.r
        return {'group': self.some_group().name, 'set': r.choice([
            {'keep': r.choice(KEEPS)}, {'keep_renewed': r.choice(KEEPS + [None])}, {'downgrade': r.choice(['one_level', 'to_qualified'])}])}


def add_tiers(p, spec):
    """The tiers of a program, for its model."""
    for g, tiers in spec.groups:
        p.add_group(tiers=tiers, **g)


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
    new.tiers = {k: type(x)(x.name, x.rank, x.needs, x.qualify, x.closed) for k, x in g.tiers.items()}
    new.ladders = g.ladders
    if kind == 'threshold':
        new.tiers[args['tier']].needs[args['unit']] = args['value']
    elif kind == 'insert':
        if args['tier'] in new.tiers:
            return None
        new.tiers[args['tier']] = p.tier(new, {'name': args['tier'], 'rank': args['rank'], 'threshold': args['value']})
    elif kind == 'delete':
        new.tiers[args['tier']].closed = True
    else:
        new.settings = dict(g.settings, **args['set'])
    some = sorted((x for x in new.tiers.values() if not x.closed), key=lambda x: x.rank)
    for i, a in enumerate(some):
        for b in some[i + 1:]:
            if a.rank == b.rank:
                return None
            for u in set(a.needs) & set(b.needs):
                if a.needs[u] > b.needs[u] or a.needs[u] == b.needs[u] and u == new.settings['unit']:
                    return None
    return new


def apply_tiers(p, op):
    """An operation on the model; the clock was set before."""
    _, kind, _, args = op
    g = changed(p, kind, args)
    if g is None:
        return
    if kind == 'give':
        p.set_tier(args['member'], args['group'], args['tier'], args['until'])
    else:
        p.groups[g.name] = g
        p.tiers_change(g.name)
