"""
Seeded random programs and random streams of operations on them.

A program is plain data: units, sources (tables), rules, members and
operations.  Operations name rows by key and never by position, so that any of
them can be left out when a failing stream is shrunk.

    ('stmt', source, form, [change, ...])   change: ('I', row), ('U', key, {column: value}), ('D', key)
    ('undo', source, [change, ...])         the same in a transaction that is rolled back
    ('clock', instant)
    ('rule', name, {column: value})         edit; ('newrule', {...})
    ('unit', name, {column: value})         edit
    ('stacking', value)
    ('member', id, {column: value})         INSERT or UPDATE of the program's member table
    ('adjust', member, unit, points, expires_at, allow_debt)
    ('retry',)  ('book_due',)  ('reconcile', source)
    ('call', ...)  ('reward', ...)  ('pool', ...)  ('bonus', ...)   spending, see generate_spending.py
    ('tiers', ...)                                              tiers, see generate_tiers.py
"""

import random
import uuid
from datetime import timedelta
from fractions import Fraction

from clock import DAY, HOUR, INF, MINUTE, NINF, SECOND, Period, at, to_instant, to_local, truncate, wall
from generate_more import MORE
from generate_spending import SPENDING, SpendingOps, add_rewards, apply_spending
from generate_tiers import TIERS, TIERS_TOO, TierOps, add_tiers, apply_tiers
from model import Member, Program, Refused, Rule, Source, Unit

ZONES = ['UTC', 'America/New_York', 'Europe/Warsaw', 'Asia/Kolkata']
MEMBER_TYPES = ['bigint', 'integer', 'uuid', 'text']

# What a program may use.  run.py --features names some, to look at one thing at a time.
FEATURES = {
    'caps': 0.4, 'budgets': 0.2, 'groups': 0.25, 'multipliers': 0.5, 'event_caps': 0.3, 'min_amount': 0.2,
    'valid': 0.25, 'member_facts': 0.3, 'edits': 0.35, 'blocked': 0.15, 'enrolment': 0.2, 'forgive': 0.3,
    'pending': 0.4, 'expiry': 0.6, 'activity_expiry': 0.2, 'failures': 0.25, 'lines': 0.4, 'refunds': 0.5,
    'visits': 0.35, 'two_units': 0.5, 'rounding': 0.5, 'carry': 0.15, 'late': 0.5, 'future': 0.15, 'adjust': 0.5,
    'rekey': 0.25, 'remember': 0.25, 'reinstant': 0.25, 'row_amount': 0.3, 'member_zones': 0.25, 'keep': 0.1,
    'local_time': 0.2, 'undo': 0.2, 'odd_amounts': 0.4, 'activity': 0.2, 'all_sources': 0.2, 'clock': 0.8,
    'reinsert': 0.3, 'raise': 0.1, 'spend': 0.5, 'holds': 0.45, 'transfers': 0.3, 'rewards': 0.4, 'codes': 0.25,
    'pay': 0.3, 'grace': 0.3, 'keys': 0.4,
}

# Further programs, by the seed of the first: these draw more features beside.
SERIES = {
    100000: {'spend': 0.5, 'holds': 0.5, 'rewards': 0.6, 'pay': 0.2, 'keys': 0.4, 'vouchers': 0.5, 'offers': 0.5, 'auto': 0.3,
             'bonus': 0.4, 'undo': 0.5, 'moves': 0.35, 'activity_expiry': 0.25},
    200000: TIERS,
    300000: MORE,
    400000: TIERS_TOO,
}


def series(seed):
    """What a program may use beside."""
    return SERIES.get(seed // 100000 * 100000, {})


class Spec:
    """A generated program."""

    def __init__(self):
        self.units, self.sources, self.rules, self.members, self.ops = [], [], [], [], []
        self.preload = 0            # mode (c): operations before attaching
        self.rewards, self.choices, self.pools, self.codes = [], {}, [], []
        self.vouchers, self.attempts = [], (10, 3600)
        self.groups, self.benefits = [], []

    def model(self, attached=True):
        p = Program(zone=self.zone, stacking=self.stacking, enrolment=self.enrolment, on_error=self.on_error,
                    clock=self.start)
        for u in self.units:
            p.add_unit(Unit(**u))
        for s in self.sources:
            p.add_source(Source(**s['model']), attached)
        for r in self.rules:
            p.add_rule(Rule(**r))
        for m in self.members:
            p.members[m['member_id']] = Member(m['joined_at'], m.get('zone'), m.get('status', 'active'),
                                               m.get('attributes'))
        add_rewards(p, self)
        add_tiers(p, self)
        return p

    def source(self, name):
        for s in self.sources:
            if s['model']['name'] == name:
                return s
        raise KeyError(name)


class Generator(SpendingOps, TierOps):
    def __init__(self, seed, ops, features=None):
        self.r = random.Random(seed)
        self.n_ops = ops
        if features is None:
            self.on = {f for f, p in FEATURES.items() if self.r.random() < p}
            self.on |= {f for f, p in series(seed).items() if self.r.random() < p}
            if self.on & {'cards', 'held_codes'}:
                self.on.add('vouchers')
        else:
            self.on = set(features)
        self.spec = Spec()
        self.spec.seed = seed
        self.spec.features = sorted(self.on)
        self.serial = 0

    def has(self, feature):
        return feature in self.on

    def chance(self, p):
        return self.r.random() < p

    # ------------------------------------------------------------ the program

    def make(self):
        r, s = self.r, self.spec
        s.zone = r.choice(ZONES)
        s.member_type = r.choice(MEMBER_TYPES)
        s.stacking = r.choice(['additive', 'additive', 'multiplicative', 'best'])
        s.enrolment = r.choice(['ignore', 'error']) if self.has('enrolment') else 'auto'
        s.on_error = 'raise' if self.has('raise') else 'queue'
        s.start = at(r.choice(['2026-01-03', '2026-02-26', '2026-03-06', '2026-03-27', '2026-06-29', '2026-10-20',
                               '2027-12-28'])) + r.randrange(24) * HOUR + r.randrange(60) * MINUTE
        self.make_units()
        if self.has('tiers'):
            self.make_tier_units()
            self.make_tiers()
        self.make_sources()
        for _ in range(r.randint(1, 5)):
            rule = self.make_rule()
            if rule:
                s.rules.append(rule)
        if not s.rules:
            s.rules.append({'name': 'plain', 'earn': '1 per 1', 'unit': 'points', 'source': None})
        if self.has('tiers'):
            self.more_tier_rules()
        self.more_rules()
        self.make_members()
        self.make_spending()
        if self.has('tier_rewards') and self.has('tiers'):
            self.tier_rewards()
            self.more_tiers()
        self.make_ops()
        return s

    def period_pair(self):
        r = self.r
        activates = r.choice(['14 days', '36 hours', '1 month', 'to end of week', '3 days']) \
            if self.has('pending') and self.chance(0.6) else 'immediately'
        expires = r.choice(['30 days', '3 months', '12 months to end of month', '1 year to end of year', '2 weeks',
                            '48 hours', '45 days', '2 months to end of quarter', '1 day']) \
            if self.has('expiry') and self.chance(0.8) else 'never'
        if not self.sound(activates, expires):
            activates = 'immediately'
        return activates, expires

    @staticmethod
    def sound(activates, expires):
        """Whether the end always lies after the activation."""
        if expires == 'never':
            return True
        e = Period(expires)
        starts = [at('2026-01-01') + i * 5 * DAY + i * HOUR for i in range(80)]
        return all(Period(activates).end(t, 'UTC') + 2 * DAY < e.end(t, 'UTC') for t in starts) \
            or (activates == 'immediately' and e.length is not None)

    def make_units(self):
        r = self.r
        names = ['points'] + (['status'] if self.has('two_units') else [])
        for i, name in enumerate(names):
            activates, expires = self.period_pair()
            u = {'name': name, 'activates': activates, 'expires': expires}
            if self.has('rounding'):
                u['decimals'] = r.choice([0, 0, 1, 2, 4])
                u['rounding'] = r.choice(['floor', 'half_up', 'half_even', 'ceil'])
            if self.has('carry') and (i == 1 or len(names) == 1):
                u['rounding'] = 'carry'
                u['decimals'] = r.choice([0, 0, 2])
            if self.has('activity_expiry') and (i == 1 or len(names) == 1):
                u['expires'] = r.choice(['30 days', '2 months', '6 weeks']) + ' since last activity'
                if u['activates'] not in ('immediately', '3 days', '36 hours', '14 days'):
                    u['activates'] = 'immediately'
            if self.has('event_caps') and self.chance(0.5):
                u['max_per_event'] = r.choice([20, 50, 150, 300])
            if self.has('forgive') and self.chance(0.6):
                u['on_shortfall'] = 'forgive'
            self.spec.units.append(u)
        if self.has('wallet') or self.has('cards'):
            self.make_money()

    def unit(self, name):
        return next(u for u in self.spec.units if u['name'] == name)

    def make_sources(self):
        r, s = self.r, self.spec
        time_type = r.choice(['timestamp', 'date']) if self.has('local_time') else 'timestamptz'
        keys = r.choice([[('id', 'bigint')], [('id', 'bigint')], [('code', 'text')], [('ref', 'uuid')],
                         [('shop', 'integer'), ('no', 'text')]])
        if self.has('refunds') and len(keys) > 1:
            keys = [('id', 'bigint')]
        condition = ('in', ('col', 'status'), ['paid', 'shipped'])
        amount = ('col', 'total')
        if self.has('failures'):
            if self.chance(0.5):
                condition = ('and', ('>', ('inverse', ('col', 'divisor')), ('lit', '-5')), condition)
            else:
                amount = ('*', ('col', 'total'), ('inverse', ('col', 'divisor')))
        if self.has('failures') or self.chance(0.75):
            pass
        else:
            condition = None
        if condition is not None and self.has('failures') and amount != ('col', 'total'):
            condition = None        # an amount that fails is looked at whatever the status is
        orders = {
            'model': {'name': 'orders', 'key': tuple(k for k, _ in keys), 'amount': amount, 'condition': condition,
                      'occurred_at': 'placed_at', 'time_type': time_type},
            'table': 'orders',
            'columns': dict(keys + [('customer_id', 'member'), ('total', 'numeric'), ('qty', 'integer'),
                                    ('cat', 'text'), ('status', 'text'), ('placed_at', time_type),
                                    ('divisor', 'integer'), ('bonus', 'numeric'), ('note', 'text')]),
        }
        if self.has('keep') and not self.has('lines') and not self.has('refunds'):
            orders['model']['on_delete'] = 'keep'
        if self.pays():
            orders['model']['spend'] = ('col', 'used')
            orders['model']['spend_unit'] = self.unit_name()
            orders['columns']['used'] = 'numeric'
        s.sources.append(orders)
        if self.has('lines'):
            s.sources.append({
                'model': {'name': 'lines', 'key': ('id',), 'event': 'order_no', 'time_type': 'timestamptz',
                          'amount': ('*', ('col', 'qty'), ('col', 'price')),
                          'condition': ('<>', ('col', 'status'), ('str', 'cancelled')) if self.chance(0.7) else None},
                'table': 'order_lines',
                'columns': {'id': 'bigint', 'order_no': r.choice(['bigint', 'text']), 'customer_id': 'member',
                            'qty': 'integer', 'price': 'numeric', 'cat': 'text', 'status': 'text',
                            'placed_at': 'timestamptz', 'bonus': 'numeric', 'note': 'text'},
            })
        if self.has('refunds'):
            targets = [t for t in s.sources if len(t['model']['key']) == 1 or t['model'].get('event')]
            target = r.choice(targets)
            column = target['model'].get('event') or target['model']['key'][0]
            s.sources.append({
                'model': {'name': 'refunds', 'key': ('id',), 'amount': ('col', 'amount'), 'purchase': False,
                          'reduces': target['model']['name'], 'reduces_key': 'of_order',
                          'condition': ('=', ('col', 'status'), ('str', 'done')) if self.chance(0.5) else None},
                'table': 'refunds',
                'columns': {'id': 'bigint', 'of_order': target['columns'][column], 'amount': 'numeric',
                            'status': 'text', 'note': 'text'},
            })
        if self.has('visits'):
            s.sources.append({
                'model': {'name': 'visits', 'key': ('id',), 'time_type': 'timestamptz', 'purchase': self.chance(0.3),
                          'condition': ('=', ('col', 'status'), ('str', 'seen')) if self.chance(0.6) else None},
                'table': 'visits',
                'columns': {'id': 'bigint', 'customer_id': 'member', 'cat': 'text', 'status': 'text',
                            'placed_at': 'timestamptz', 'note': 'text'},
            })
        if self.has('activity'):
            s.sources.append({
                'model': {'name': 'activity', 'key': ('kind', 'key'), 'member': ('col', 'member_id'),
                          'occurred_at': 'occurred_at', 'time_type': 'timestamptz', 'purchase': False},
                'table': None,      # the program's own
                'columns': {'kind': 'text', 'key': 'text', 'member_id': 'member', 'occurred_at': 'timestamptz'},
            })
        self.more_sources()

    def pays(self):
        """Whether purchases may be paid with points."""
        return self.has('pay') and not self.has('failures') and not self.has('keep') and self.spec.enrolment == 'auto'

    def earning_sources(self):
        return [x for x in self.spec.sources if not x['model'].get('reduces')]

    def row_condition(self, columns):
        r = self.r
        choices = []
        if 'cat' in columns:
            choices += [('=', ('col', 'cat'), ('str', 'food')), ('in', ('col', 'cat'), ['food', 'toys']),
                        ('isnull', ('col', 'cat')), ('not', ('=', ('col', 'cat'), ('str', 'toys')))]
        if 'qty' in columns:
            choices += [('>', ('col', 'qty'), ('lit', '2')), ('<=', ('col', 'qty'), ('lit', '3'))]
        if 'kind' in columns:
            choices += [('=', ('col', 'kind'), ('str', 'review'))]
        if 'total' in columns:
            choices += [('>=', ('col', 'total'), ('lit', '20'))]
        c = r.choice(choices)
        if self.chance(0.25):
            c = (r.choice(['and', 'or']), c, r.choice(choices))
        return c

    def member_condition(self):
        return self.r.choice([('=', ('member', 'purchases'), ('lit', '0')), ('<', ('member', 'purchases'), ('lit', '3')),
                              ('>=', ('member', 'spend'), ('lit', '100')), ('attr', 'tier', 'vip'),
                              ('>', ('member', 'purchases'), ('lit', '1'))])

    def make_rule(self):
        r = self.r
        rule = {'name': r.choice('abcdefghkmnpqrstuvwz') + str(self.next()), 'unit': r.choice(self.spec.units)['name']}
        unit = self.unit(rule['unit'])
        carry = unit.get('rounding') == 'carry'
        source = r.choice(self.earning_sources())
        everywhere = self.has('all_sources') and self.chance(0.4)
        rule['source'] = None if everywhere else source['model']['name']
        has_amount = source['model'].get('amount') is not None
        kind = r.choice(['linear', 'linear', 'linear', 'block', 'percent', 'flat', 'multiplier']) if has_amount else 'flat'
        if kind == 'multiplier' and not self.has('multipliers'):
            kind = 'linear'
        rule['earn'] = self.earn(kind, carry)
        if everywhere:
            if self.has('member_facts') and self.chance(0.4):
                rule['condition'] = self.member_condition()
        else:
            event = source['model'].get('event')
            reduced = any(x['model'].get('reduces') == source['model']['name'] for x in self.spec.sources)
            if self.chance(0.4) and not (event and (kind == 'multiplier' or (carry and reduced))):
                rule['condition'] = self.row_condition(source['columns'])
            if self.has('member_facts') and self.chance(0.4):
                c = self.member_condition()
                rule['condition'] = ('and', rule['condition'], c) if 'condition' in rule else c
            if self.has('row_amount') and kind in ('linear', 'block', 'percent') and self.chance(0.4) \
                    and not (carry and reduced):
                rule['amount'] = r.choice([('col', 'bonus'), ('*', ('col', 'bonus'), ('lit', '2'))])
            if self.has('min_amount') and has_amount and self.chance(0.4):
                rule['min_amount'] = r.choice([5, 10, 20, 50, Fraction('9.99')])
        rule['priority'] = r.choice([0, 0, 1, 2, 3, 5, -1])
        if self.has('valid') and self.chance(0.5):
            a = self.spec.start + r.randint(-30, 10) * DAY
            rule['valid'] = r.choice([(a, INF), (NINF, a + 40 * DAY), (a, a + r.randint(1, 60) * DAY)])
        step = Fraction(1, 10 ** unit.get('decimals', 0))
        lone = kind == 'multiplier' and self.spec.stacking == 'multiplicative'
        if self.has('event_caps') and self.chance(0.3) and not lone:
            rule['max_per_event'] = r.choice([5, 20, 50, 100]) + (step if self.chance(0.2) else 0)
        if self.has('caps') and self.chance(0.5) and not lone:
            rule['max_per_member'] = r.choice([10, 50, 100, 200, 500])
            rule['cap_period'] = r.choice(['day', 'day', 'week', 'month', 'quarter', 'year', 'ever'])
        if self.has('budgets') and self.chance(0.5) and not lone:
            rule['budget'] = r.choice([30, 200, 1000])
        if self.has('groups') and self.chance(0.6) and (kind != 'multiplier' or self.spec.stacking == 'additive'):
            rule['exclusive_group'] = ('m' if kind == 'multiplier' else 'g') + '_' + rule['unit']
        if kind != 'multiplier' and self.chance(0.3) and not unit.get('expires', '').endswith('activity'):
            activates, expires = self.period_pair()
            rule['activates'], rule['expires'] = activates, expires
        elif kind != 'multiplier' and self.chance(0.3):
            rule['expires'] = r.choice(['90 days', '3 months'])
        if self.has('tiers'):
            self.tier_rule(rule)
        return rule

    def earn(self, kind, carry):
        r = self.r
        if kind == 'linear':
            return r.choice(['1 per 1', '2 per 1', '1 per 10'] if carry else
                            ['1 per 1', '1 per 1', '2 per 1', '1 per 10', '5 per 2.50', '1 per 3', '0.5 per 1'])
        if kind == 'block':
            return r.choice(['1 per full 10', '5 per full 2.50', '10 per full 25'])
        if kind == 'percent':
            return r.choice(['20%' if self.has('multipliers') else '5%', '10%'] if carry else ['5%', '2.5%', '10%', '33%'])
        if kind == 'flat':
            return r.choice(['50', '10', '250', '7'])
        if carry:               # a rate that does not come out in steps of 1/10000 is refused
            return r.choice(['x2', 'x3' if self.spec.stacking == 'multiplicative' or self.has('edits') else 'x1.5'])
        return r.choice(['x2', 'x1.5', 'x1.25', 'x3', 'x1.1'])

    def make_members(self):
        r, s = self.r, self.spec
        n = r.randint(3, 6)
        self.ids = []
        for i in range(n):
            self.ids.append({'bigint': 9000000000 + i * 7, 'integer': 40 + i,
                             'uuid': str(uuid.UUID(int=r.getrandbits(128))),
                             'text': ['ann', "o'neil", 'Zoë', 'back\\slash', 'two words', 'x' * 40][i]}[s.member_type])
        for m in self.ids:
            if self.chance({'auto': 0.3}.get(s.enrolment, 0.6)):
                s.members.append(self.member(m))

    def member(self, m):
        x = {'member_id': m, 'joined_at': self.spec.start - self.r.choice([400, 20, 5, 1]) * DAY}
        if self.has('member_zones') and self.chance(0.6):
            x['zone'] = self.r.choice(ZONES)
        if self.has('member_facts') and self.chance(0.5):
            x['attributes'] = {'tier': self.r.choice(['vip', 'basic'])}
        if self.has('blocked') and self.chance(0.2):
            x['status'] = 'blocked'
        return x

    # ------------------------------------------------------------ the operations

    def next(self):
        self.serial += 1
        return self.serial

    def make_ops(self):
        p = self.p = self.spec.model()
        self.gone = {}              # source -> deleted rows, to insert again
        while len(self.spec.ops) < self.n_ops:
            op = self.op()
            if op is None:
                continue
            if self.has('tiers') and self.spec.ops and self.spec.ops[-1][0] != 'clock' and op[0] != 'clock' and \
                    self.spec.ops[-1][-1] != 'now':
                step = ('clock', self.p.clock + self.r.randint(1, 600) * SECOND)     # what happens at one instant is one thing
                self.spec.ops.append(step)
                apply(p, step, split=True)
            self.spec.ops.append(op)
            try:
                apply(p, op, split=True)
            except Refused:
                pass
        self.spec.preload = self.r.randint(5, max(6, min(60, self.n_ops // 3)))

    def op(self):
        r = self.r
        if self.has('tiers') and self.chance(0.08 if not self.has('benefits') else 0.16):
            op = self.tier_op()
            if op:
                return op
        if self.has('moving') and not self.has('rollover') and not self.has('activity_expiry') and self.chance(0.05) and self.p.members:
            return ('member', r.choice(list(self.p.members)), {'zone': r.choice(ZONES + [None])})
        if self.chance(0.6 if self.spec.seed // 100000 in (1, 3) else 0.4 if self.spec.seed // 100000 != 4 else 0.25):
            op = self.spending_op()
            if op:
                return op
        x = r.random()
        if x < 0.42:
            return self.insert()
        if x < 0.66:
            return self.update()
        if x < 0.73:
            return self.delete()
        if x < 0.84:
            return self.move_clock() if self.has('clock') else self.insert()
        if x < 0.89:
            return self.adjust() if self.has('adjust') else self.update()
        if x < 0.925:
            return self.edit() if self.has('edits') else self.insert()
        if x < 0.955:
            return self.edit_member()
        if x < 0.97:
            return ('retry',) if self.has('failures') else self.update()
        if x < 0.98:
            return ('book_due',)
        if x < 0.985:
            if self.spec.enrolment == 'ignore':
                return ('book_due',)            # reconcile() posts what strangers did who have joined since
            return ('reconcile', r.choice(self.earning_sources())['model']['name'])
        if self.has('undo'):
            op = r.choice([self.insert, self.update, self.delete])()
            if op:
                return ('undo', op[1], op[3])
        return None

    def instant(self):
        """When something happened: mostly now, sometimes late, on a boundary or in the future."""
        r, now = self.r, self.p.clock
        x = r.random()
        if self.has('late') and x < 0.3:
            t = now - r.choice([r.randint(1, 400) * DAY, r.randint(1, 40) * DAY, r.randint(1, 5) * DAY,
                                r.randint(1, 50) * HOUR])
            if self.chance(0.3):
                zone = r.choice([self.spec.zone, 'UTC'])
                t = to_instant(truncate(to_local(t, zone), r.choice(['day', 'week', 'month', 'year'])), zone)
            return t
        if self.has('future') and x < 0.36:
            return now + r.randint(1, 300) * HOUR
        if x < 0.7:
            return now
        return now - r.randint(0, 3000) * SECOND * 37

    def time_value(self, time_type):
        t = self.instant()
        if time_type == 'timestamptz':
            return t
        local = to_local(t, self.spec.zone)
        if time_type == 'date':
            local = truncate(local, 'day')
        return wall(local)

    def money(self):
        r = self.r
        if self.has('odd_amounts') and self.chance(0.15):
            return r.choice([None, Fraction(0), Fraction(-5), Fraction('-0.01'), Fraction('0.01'), Fraction('12345.67')])
        return r.choice([Fraction(r.randint(1, 20) * 10), Fraction(r.randint(1, 200)), Fraction(r.randint(1, 20000), 100),
                         Fraction('9.99'), Fraction('33.33'), Fraction('2.50'), Fraction(100)])

    def value(self, source, column, typ):
        r = self.r
        if typ == 'member':
            if self.has('odd_amounts') and self.chance(0.03) and not source['model'].get('event'):
                return None
            return r.choice(self.ids)
        if typ in ('timestamptz', 'timestamp', 'date'):
            return self.time_value(typ)
        if column in ('total', 'bonus'):
            return self.money()
        if column == 'price':
            return self.money() if self.chance(0.9) else Fraction('-3.00') if self.has('odd_amounts') else Fraction(4)
        if column == 'amount':
            return r.choice([Fraction(10), Fraction(r.randint(1, 5000), 100), Fraction(100), Fraction('0.01'), Fraction(0)]
                            + ([None] if self.has('odd_amounts') else []))
        if column == 'qty':
            return r.randint(0, 5)
        if column == 'cat':
            return r.choice(['food', 'food', 'toys', 'books', None])
        if column == 'status':
            name = source['model']['name']
            if name == 'orders':
                return r.choice(['paid', 'paid', 'paid', 'shipped', 'new', 'cancelled'])
            if name == 'lines':
                return r.choice(['ok', 'ok', 'ok', 'cancelled', None])
            if name == 'refunds':
                return r.choice(['done', 'done', 'asked'])
            return r.choice(['seen', 'seen', 'missed', None])
        if column == 'divisor':
            return 0 if self.has('failures') and self.chance(0.12) else 1
        if column == 'note':
            return r.choice(['', 'a', "it's", None])
        if column == 'kind':
            return r.choice(['review', 'survey'])
        raise AssertionError(column)

    def key_value(self, column, typ):
        n = self.next()
        if typ in ('bigint', 'integer') and column != 'shop':
            return n
        if column == 'shop':
            return self.r.randint(1, 3)
        if typ == 'uuid':
            return str(uuid.UUID(int=self.r.getrandbits(128)))
        return self.r.choice(['A-%d', "q'%d", 'ü %d', '%d', '(%d,"x")']) % n

    def row(self, source):
        m = source['model']
        row = {}
        for c, typ in source['columns'].items():
            if c in m['key'] and c != 'kind':
                row[c] = self.key_value(c, typ)
            elif c == 'of_order':
                row[c] = self.some_event(m['reduces'], typ)
            elif c == 'order_no':
                row[c] = None
            else:
                row[c] = self.value(source, c, typ) if c != 'used' else self.points_used(row['customer_id'], source['model'])
        return row

    def some_event(self, name, typ):
        """A key of an event that is there, or will perhaps be."""
        keys = [k for k, rows in self.p.index[name].items() if rows]
        if keys and self.chance(0.85):
            return self.r.choice(keys[-12:])[0]
        if typ == 'uuid':
            return str(uuid.UUID(int=self.r.getrandbits(128)))
        if typ == 'text':
            return 'A-%d' % (self.serial + self.r.randint(1, 4))
        return self.serial + self.r.randint(1, 6)

    def insert(self):
        r = self.r
        source = r.choice(self.spec.sources + [self.spec.sources[0]])
        m = source['model']
        changes = []
        if m.get('event'):
            for _ in range(r.randint(1, 2)):
                old = [k for k, rows in self.p.index[m['name']].items() if rows]
                if old and self.chance(0.35):
                    k = r.choice(old[-8:])
                    first = self.p.tables[m['name']][next(iter(self.p.index[m['name']][k]))]
                else:
                    first = self.row(source)
                    first['order_no'] = self.key_value('order_no', source['columns']['order_no'])
                if any(c[1]['order_no'] == first['order_no'] for c in changes):
                    continue
                for _ in range(r.randint(1, 4)):
                    row = self.row(source)
                    row['order_no'], row['customer_id'] = first['order_no'], first['customer_id']
                    row['placed_at'] = first['placed_at'] + (0 if self.chance(0.9) else r.randint(1, 60) * MINUTE)
                    changes.append(('I', row))
        else:
            again = self.gone.get(m['name'])
            if self.has('reinsert') and again and self.chance(0.2):
                row = again.pop()
                if self.p.row_key(self.p.sources[m['name']], row) not in self.p.tables[m['name']]:
                    return ('stmt', m['name'], r.choice(['values', 'copy', 'upsert', 'merge']), [('I', row)])
            for _ in range(1 if self.chance(0.4) else r.randint(1, 6)):
                changes.append(('I', self.row(source)))
        form = r.choice(['values', 'copy', 'select'])
        if len(changes) == 1:
            form = r.choice(['values', 'values', 'copy', 'upsert', 'merge'])
        return ('stmt', m['name'], form, changes)

    def pick(self, name, n):
        """Rows of different members and events, so that the order within a statement does not matter."""
        table = self.p.tables[name]
        source = self.p.sources[name]
        keys = list(table)[-25:]
        self.r.shuffle(keys)
        out, members, events = [], set(), set()
        for k in keys:
            row = table[k]
            if source.reduces:
                e = (row[source.reduces_key],)
                event = self.p.events.get((source.reduces, e))
                who = None if event is None else event.member
            else:
                e, who = self.p.event_key(source, row), row[source.member[1]]
            if e in events or (who in members and who is not None):
                continue
            out.append(k)
            events.add(e)
            members.add(who)
            if len(out) == n:
                break
        return out

    def many(self):
        if any(x.get('budget') is not None for x in self.spec.rules) or self.chance(0.5):
            return 1
        return self.r.randint(2, 4)

    def update(self):
        r = self.r
        source = r.choice(self.spec.sources)
        m = source['model']
        if m['name'] == 'activity':
            return None
        keys = self.pick(m['name'], self.many())
        if not keys:
            return None
        columns = [c for c in source['columns'] if c not in m['key'] and c not in
                   ('customer_id', 'placed_at', 'order_no', 'of_order', 'member_id', 'occurred_at')]
        special = r.random()
        changes = []
        if special < 0.3 and len(keys) >= 1 and not m.get('reduces') and not m.get('event'):
            key = keys[0]
            row = self.p.tables[m['name']][key]
            if row.get('divisor') == 0:
                return None
            if self.has('rekey') and special < 0.1 and (m['name'], self.p.event_key(self.p.sources[m['name']], row)) not in self.p.failed:
                c = m['key'][-1]
                return ('stmt', m['name'], 'update', [('U', key, {c: self.key_value(c, source['columns'][c])})])
            if self.has('remember') and special < 0.2:
                return ('stmt', m['name'], 'update', [('U', key, {'customer_id': self.value(source, 'customer_id', 'member')})])
            if self.has('reinstant'):
                return ('stmt', m['name'], 'update',
                        [('U', key, {'placed_at': self.time_value(source['columns']['placed_at'])})])
        weights = [6 if c == 'status' else 5 if c in ('total', 'amount', 'price') else 3 if c == 'used' else 1 for c in columns]
        chosen = []
        for _ in range(r.choice([1, 1, 1, 2])):
            c = r.choices(columns, weights)[0]
            if c not in chosen:
                chosen.append(c)
        for k in keys:
            row = self.p.tables[m['name']][k]
            changes.append(('U', k, {c: self.value(source, c, source['columns'][c]) if c != 'used' else
                                     self.points_used(row['customer_id'], m, row['used']) for c in chosen}))
        form = 'update'
        if len(changes) == 1:
            form = r.choice(['update', 'update', 'upsert', 'merge'])
        return ('stmt', m['name'], form, changes)

    def delete(self):
        source = self.r.choice(self.spec.sources)
        name = source['model']['name']
        keys = self.pick(name, 1 if self.chance(0.5) else self.many())
        if not keys:
            return None
        if not source['model'].get('event'):
            self.gone.setdefault(name, []).extend(dict(self.p.tables[name][k]) for k in keys)
        return ('stmt', name, 'delete', [('D', k) for k in keys])

    def boundaries(self):
        """Instants at which a lot begins or ends."""
        out = set()
        for purse in self.p.purses.values():
            for lot in purse.lots.values():
                out.add(lot.start)
                out.add(purse.end_of(lot))
            out |= {x.deadline for x in purse.open_holds()}
        for m in self.p.members if self.has('tiers') else ():
            for g in self.p.groups:
                out |= {x[0] for x in self.p.walk(m, g, self.p.now(m) + 400 * DAY).steps}
        return out

    def move_clock(self):
        r, now = self.r, self.p.clock
        if self.chance(0.3):
            ahead = sorted(x for x in self.boundaries() if now < x < now + 400 * DAY)
            if ahead:
                return ('clock', ahead[0] if self.chance(0.6) else r.choice(ahead[:4]) + r.choice([-1, 0, 1]))
        if self.has('tiers') and self.chance(0.3 if not self.has('life') else 0.5):
            return ('clock', now + r.randint(3, 60 if not self.has('life') else 400) * DAY + r.randint(0, 86400) * SECOND)
        return ('clock', now + r.choice([r.randint(1, 90) * MINUTE, r.randint(1, 30) * HOUR, r.randint(1, 9) * DAY,
                                         r.randint(5, 60) * DAY if self.chance(0.3) else 7 * HOUR]))

    def adjust(self):
        r = self.r
        known = [m for m, x in self.p.members.items() if x.status == 'active']
        if not known:
            return None
        unit = r.choice(self.spec.units)['name']
        member = r.choice(known)
        if self.chance(0.35):
            ends = r.choice([None, INF, self.p.clock + r.randint(1, 90) * DAY])
            if ends is None and (self.unit(unit)['activates'] != 'immediately' or r.random() < 0.5):
                ends = INF
            return ('adjust', member, unit, Fraction(r.choice([1, 10, 25, 100])), ends, False)
        have = int(self.p.state(member, unit)[0])
        n = r.choice([have, have // 2, have + 5, 1, 20])
        if n <= 0:
            return None
        return ('adjust', member, unit, Fraction(-n), None, self.chance(0.3))

    def edit(self):
        r = self.r
        x = r.random()
        if x < 0.12:
            return ('stacking', r.choice(['additive', 'multiplicative', 'best'])) \
                if not any(y.get('exclusive_group', '').startswith('m') or
                           (y['earn'].startswith('x') and (y.get('max_per_member') or y.get('budget') or y.get('max_per_event')))
                           for y in self.spec.rules) else None
        if x < 0.25:
            rule = self.make_rule()
            return ('newrule', rule) if rule else None
        if x < 0.4:
            u = r.choice(self.spec.units)
            if 'max_per_event' not in u:
                return None
            return ('unit', u['name'], {'max_per_event': r.choice([30, 80, 150, 400])})
        rule = r.choice([x for x in self.p.rules.values() if not x.tiers or not any(
            t in g.tiers and g.tiers[t].closed for g in self.p.groups.values() for t in x.tiers)] or [None])
        if rule is None:
            return None
        carry = self.p.units[rule.unit].rounding == 'carry'
        kind = rule.earn.kind
        x = r.random()
        if x < 0.5:
            return ('rule', rule.name, {'earn': self.earn(kind, carry)})
        if x < 0.75:
            return ('rule', rule.name, {'enabled': not rule.enabled})
        if x < 0.9:
            return ('rule', rule.name, {'priority': r.randint(-2, 6)})
        return ('rule', rule.name, {'valid': (self.p.clock - r.randint(0, 20) * DAY, self.p.clock + r.randint(1, 60) * DAY)})

    def edit_member(self):
        r = self.r
        m = r.choice(self.ids)
        if m not in self.p.members:
            if self.spec.enrolment == 'auto' and not self.has('member_zones'):
                return None
            x = self.member(m)
            x['joined_at'] = self.p.clock - r.randint(0, 10) * DAY
            return ('member', m, {k: v for k, v in x.items() if k != 'member_id'})
        changes = {}
        if self.has('blocked') and self.chance(0.6):
            changes['status'] = 'active' if self.p.members[m].status == 'blocked' else 'blocked'
        if self.has('member_zones') and not self.has('activity_expiry') and not self.has('tiers') and \
                self.chance(0.4):
            changes['zone'] = r.choice(ZONES + [None])
        if self.has('member_facts') and self.chance(0.5):
            changes['attributes'] = {'tier': r.choice(['vip', 'basic'])}
        return ('member', m, changes) if changes else None


def possible(p, name, changes):
    """The changes that can be made to a table as it is now (an operation may have been left out)."""
    source = p.sources[name]
    table = p.tables[name]
    there = {}
    out = []
    for c in changes:
        if c[0] == 'I':
            k = p.row_key(source, c[1])
            if there.get(k, k in table):
                continue
            there[k] = True
        else:
            k = c[1]
            if not there.get(k, k in table):
                continue
            if c[0] == 'D':
                there[k] = False
            else:
                row = dict(table[k]) if k in table else None
                if row is None:
                    continue
                row.update(c[2])
                new = p.row_key(source, row)
                if new != k:
                    if there.get(new, new in table):
                        continue
                    there[k], there[new] = False, True
        out.append(c)
    return out


def apply(p, op, split):
    """
    An operation on the model.  With split every change is a statement of its
    own.  Returns the SQLSTATE of each statement ('' = fine).
    """
    kind = op[0]
    if kind == 'stmt':
        results = []
        for changes in ([[c] for c in op[3]] if split else [op[3]]):
            changes = possible(p, op[1], changes)
            if not changes:
                results.append(None)
                continue
            try:
                p.statement(op[1], changes)
                results.append('')
            except Refused as e:
                results.append(e.sqlstate)
        return results
    if kind in ('call', 'reward', 'pool', 'bonus'):
        return [apply_spending(p, op)]
    if kind == 'tiers':
        p.set_clock(max(p.clock, op[2]))
        expected = apply_tiers(p, op)
        if op[-1] != 'now':
            p.set_clock(max(p.clock, op[2] + SECOND))
        return [expected]
    try:
        if kind == 'clock':
            if op[1] > p.clock:
                p.set_clock(op[1])
        elif kind == 'rule':
            if op[1] not in p.rules:
                return [None]
            rule = p.rules[op[1]]
            new = Rule.__new__(Rule)
            new.__dict__.update(rule.__dict__)
            for k, v in op[2].items():
                setattr(new, k, v if k != 'earn' else Rule(op[1], v).earn)
            p.add_rule(new)
        elif kind == 'newrule':
            p.add_rule(Rule(**op[1]))
        elif kind == 'unit':
            unit = p.units[op[1]]
            new = Unit.__new__(Unit)
            new.__dict__.update(unit.__dict__)
            new.max_per_event = Fraction(op[2]['max_per_event'])
            p.add_unit(new)
        elif kind == 'stacking':
            p.set_stacking(op[1])
        elif kind == 'member':
            m = p.members.get(op[1])
            if m is None:
                if 'joined_at' not in op[2]:
                    return [None]
                p.members[op[1]] = Member(op[2]['joined_at'], op[2].get('zone'), op[2].get('status', 'active'),
                                          op[2].get('attributes'))
            else:
                for k, v in op[2].items():
                    if k == 'zone' and p.groups:
                        p.move_zone(op[1], v)
                    elif k != 'joined_at':
                        setattr(m, k, v)
        elif kind == 'adjust':
            if op[1] not in p.members or p.members[op[1]].status != 'active':
                return [None]
            p.adjust(op[1], op[2], op[3], op[4], op[5])
        elif kind == 'retry':
            p.retry_failed()
        elif kind == 'book_due':
            p.book_due(op[1] if len(op) > 1 else ())
        elif kind == 'reconcile' and len(op) > 2:
            for member in sorted(op[2]):
                p.auto(member)
    except Refused as e:
        return [e.sqlstate]
    return ['']
