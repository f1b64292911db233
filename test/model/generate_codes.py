"""
Random pools of codes and calls about codes.
"""

from fractions import Fraction

from clock import DAY, HOUR

CODE_CALLS = ('generate_codes', 'import_codes', 'check_code', 'reserve_code', 'redeem_code', 'release_code', 'cancel_code',
              'void_code', 'give_code', 'top_up_code', 'deposit_code')

CANCELLABLE = ('redeem_code', 'top_up_code', 'deposit_code')


class CodesOps:
    """Mixed into Generator."""

    def make_vouchers(self):
        r, s = self.r, self.spec
        s.vouchers, s.attempts = [], (10, 3600)
        self.code_made = []         # (number, function) of calls about codes
        if not self.has('vouchers'):
            return
        s.attempts = r.choice([(10, 3600), (10, 3600), (3, 1800), (5, 86400), (None, 3600)])
        for x in r.sample(self.pool_kinds(), r.randint(2, 5)):
            if x['gives'] not in ('points', 'balance') and self.chance(0.3):
                x['uses'] = r.choice([1, 2, 3, None])
            if self.chance(0.2):
                x['uses_per_member'] = r.choice([1, 2])
            if self.chance(0.15):
                x['min_amount'] = Fraction(r.choice([10, 50]))
            if self.chance(0.2):
                x['personal'] = False
            if self.chance(0.15):
                x['valid'] = (s.start - DAY, s.start + r.randint(1, 60) * DAY)
            if self.chance(0.3):
                x['expires'] = r.choice(['30 days', '36 hours', '1 month to end of month'])
            if self.chance(0.4):
                x['reserve_for'] = r.choice([60, 3600, 86400])
            if self.chance(0.2):
                x['supply'] = 'endless'
            s.vouchers.append(x)
        self.more_pools()

    def pool_kinds(self):
        r = self.r
        return [{'name': 'off', 'gives': 'amount', 'value': Fraction(5)},
                {'name': 'percent', 'gives': 'percent', 'value': Fraction('12.5'), 'ceiling': r.choice([None, Fraction(20)])},
                {'name': 'gift', 'gives': 'points', 'value': Fraction(r.choice([10, 100])), 'unit': r.choice(self.spec.units)['name']},
                {'name': 'card', 'gives': 'balance', 'value': Fraction(r.choice([10, 50, 25])) + r.choice([0, Fraction(1, 100)])},
                {'name': "it's a mug", 'gives': 'product', 'product': 'MUG-1'},
                {'name': 'shipping', 'gives': 'shipping', 'prefix': 'FREE'}]

    def code_kinds(self):
        if not self.has('vouchers'):
            return []
        short = any(x.get('supply') != 'endless' and not any(c.pool.name == x['name'] for c in self.p.codes.values())
                    for x in self.spec.vouchers)
        return ['import_codes', 'generate_codes'] * (4 if short else 1) + ['check_code', 'reserve_code', 'reserve_code'] + \
            ['redeem_code'] * 5 + ['release_code', 'cancel_code', 'cancel_code', 'void_code', 'give_code', 'pool']

    def a_pool(self):
        return self.r.choice(self.spec.vouchers)['name']

    def make_pool(self):
        pool = self.p.pools[self.a_pool()]
        return ('pool', pool.name, self.r.choice([{'enabled': not pool.enabled or self.chance(0.7)}, {'personal': not pool.personal}]))

    def span_of_codes(self):
        """(valid_from, valid_until)"""
        r, now = self.r, self.p.clock
        return (now + r.choice([-1, 1, 30]) * HOUR if self.chance(0.15) else None, now + r.randint(1, 40) * DAY if self.chance(0.2) else None)

    def call_import_codes(self):
        r = self.r
        pool = next((x for x in self.spec.vouchers if self.chance(0.5)), self.spec.vouchers[0])
        first = self.next()
        codes = ['%s%d' % (r.choice(['HAPPY', 'CODE', 'XMAS']), first * 10 + i) for i in range(r.randint(1, 5))]
        if self.chance(0.05) and self.p.codes:
            codes.append(r.choice([x for x in self.p.codes if not x.startswith('made ')] or codes))
        since, until = self.span_of_codes()
        return {'pool': pool['name'], 'codes': codes, 'valid_from': since, 'valid_until': until,
                'value': Fraction(7) if pool['gives'] in ('amount', 'balance') and self.chance(0.3) else None}

    def call_generate_codes(self):
        since, until = self.span_of_codes()
        return {'pool': self.a_pool(), 'count': self.r.randint(1, 5), 'valid_from': since, 'valid_until': until}

    def name_of(self, code):
        """How operations name a code."""
        for no, codes in self.p.drawn.items():
            if code in codes:
                return (no, codes.index(code))
        return code.text

    def some_code(self):
        r = self.r
        if self.chance(0.06) or not self.p.codes:
            return 'NOSUCH%d' % r.randint(1, 9)
        codes = list(self.p.codes.values())
        good = [x for x in codes if self.p.code_state(x) in ('free', 'given', 'active', 'reserved')]
        busy = [x for x in good if x.uses or not x.in_stock]
        return self.name_of(r.choice(busy if busy and self.chance(0.4) else good if good and self.chance(0.8) else codes))

    def user_of(self, name):
        """Who comes with a code."""
        code = self.p.code_named(name)
        mine = [self.p.uses[n].member for n in self.p.reserved(code)] if code is not None else []
        if code is not None and code.member is not None:
            mine.append(code.member)
        if mine and self.chance(0.7):
            return self.r.choice(mine)
        return None if self.chance(0.2) else self.somebody()

    def bill(self):
        return self.r.choice([None, Fraction('3.50'), Fraction(20), Fraction(100), Fraction('29.99'), Fraction('33.33'), Fraction(0)])

    def call_check_code(self):
        code = self.some_code()
        return {'code': code, 'member': self.user_of(code), 'amount': self.bill()}

    def call_reserve_code(self):
        return dict(self.call_check_code(), seconds=self.seconds() if self.chance(0.5) else None)

    def call_redeem_code(self):
        if not self.has('vouchers'):
            return {'code': self.r.choice(self.spec.codes)[0], 'member': self.somebody()}
        args = self.call_check_code()
        code = self.p.code_named(args['code'])
        if code is not None and code.pool.gives == 'balance' and args['amount'] is None and self.chance(0.9):
            args['amount'] = Fraction(7)
        reserved = [] if code is None else self.p.reserved(code)
        args['reservation'] = self.r.choice(reserved) if reserved and self.chance(0.5) else None
        return args

    def a_use(self, kinds, better):
        some = [n for n, k in self.code_made if k in kinds and n in self.p.uses]
        good = [n for n in some if better(self.p.uses[n])]
        if good and self.chance(0.9):
            return self.r.choice(good[-5:])
        return self.r.choice(some) if some else None

    def call_release_code(self):
        t = self.a_use(('reserve_code',), lambda x: x.status(self.p.clock) == 'reserved')
        return None if t is None else {'target': t}

    def call_cancel_code(self):
        t = self.a_use(CANCELLABLE, lambda x: x.state in ('redeemed', 'topped up'))
        if t is None:
            return None
        x = self.p.uses[t]
        part = (x.discount is not None or x.amount is not None) and x.code.pool.gives == 'balance' and self.chance(0.5) or self.chance(0.03)
        return {'target': t, 'amount': self.r.choice([Fraction(2), Fraction('3.33'), Fraction(30)]) if part else None}

    def call_void_code(self):
        return {'code': self.some_code()}

    def call_give_code(self):
        args = {'member': self.somebody(), 'pool': None, 'code': None,
                'valid_until': self.p.clock + self.r.choice([-1, 1, 10, 10]) * DAY if self.chance(0.2) else None}
        if self.chance(0.7):
            args['pool'] = self.a_pool()
        else:
            args['code'] = self.some_code()
        return args
