"""
Random rewards of more kinds, rewards that members get by themselves, bonuses
that grow, and calls that undo others.
"""

from fractions import Fraction

from clock import DAY, HOUR


class OffersOps:
    """Mixed into Generator."""

    def make_offers(self):
        r, s = self.r, self.spec
        if self.has('moves'):
            for u in s.units:
                u['transferable'] = u.get('spendable', True)
                if self.chance(0.5):
                    u['return_grace'] = r.choice(['7 days', '36 hours', '1 month'])
        if self.has('offers'):
            for name in r.sample(['tree', 'trip 2', 'sale', 'card', 'book'], r.randint(1, 4)):
                s.rewards.append(self.make_offer(name))
        if self.has('auto'):
            for name in r.sample(['treat', 'bonbon', 'a tea'], r.randint(1, 2)):
                x = {'name': name, 'prices': self.one_price(), 'auto_redeem': True, 'priority': r.choice([0, 0, 1])}
                if self.chance(0.4):
                    x['max_auto'] = r.choice([2, 3])
                if self.chance(0.3):
                    x['max_per_member'], x['cap_period'] = r.choice([1, 2, 5]), r.choice(['day', 'week', 'ever'])
                if self.chance(0.2):
                    x['condition'] = self.member_condition()
                s.rewards.append(x)

    def one_price(self):
        return {'standard': (self.unit_name(), Fraction(self.r.choice([10, 20, 50, 100])))}

    def make_offer(self, name):
        r, s = self.r, self.spec
        x = self.make_reward(name)
        x['prices'] = self.one_price()
        if self.chance(0.5):
            unit = r.choice(s.units)['name']
            x['prices']['less'] = (unit, Fraction(r.choice([5, 8, 30])))
        if self.chance(0.4):
            x['prices']['with money'] = (self.unit_name(), Fraction(r.choice([1, 5, 10])), Fraction('2.99'))
        if name == 'tree':
            x['kind'], x['cause'], x['cost'] = 'donation', r.choice(['forest', 'sea']), Fraction('1.50')
        if name == 'sale' or self.chance(0.2):
            x['valid'] = (s.start + r.randint(1, 10) * DAY, s.start + 90 * DAY)
            x['early_access'] = ('early', self.member_condition(), r.choice([1, 3, 20]) * 86400)
        if self.has('vouchers') and (name == 'card' or self.chance(0.3)):
            x['pool'] = r.choice(s.vouchers)['name']
        if self.chance(0.4):
            x['code_valid'] = r.choice(['30 days', '1 month', 'to end of week'])
        return x

    def offer_kinds(self):
        kinds = []
        if self.has('moves'):
            kinds += ['transfer'] * 3
        if self.has('undo'):
            kinds += ['adjusted', 'adjusted', 'reverse', 'reverse', 'reverse']
        if self.has('bonus'):
            kinds += ['bonus', 'claim', 'claim']
        return kinds

    def call_adjusted(self):
        r = self.r
        unit = self.unit_name()
        if self.chance(0.5):
            ends = self.p.clock + r.randint(1, 60) * DAY if self.chance(0.4) else None
            if ends is None and self.p.units[unit].activates.text != 'immediately':
                ends = self.p.clock + 5 * DAY       # the unit's end need not lie ahead of now
            return {'member': self.somebody(), 'unit': unit, 'points': Fraction(r.choice([1, 10, 25, 100])), 'expires_at': ends}
        member = self.somebody(unit)
        n = self.points_of(member, unit)
        return {'member': member, 'unit': unit, 'points': -abs(n), 'allow_debt': self.chance(0.4)}

    def call_reverse(self):
        r = self.r
        some = [n for n in self.undoable if n in self.p.calls]
        good = [n for n in some if self.p.calls[n].status != 'reversed']
        if not some:
            return None
        return {'target': r.choice(good[-6:] if good and self.chance(0.9) else some)}

    def make_bonus(self):
        r = self.r
        if not self.p.members:
            return None
        return ('bonus', self.next(), {
            'member': r.choice(list(self.p.members)), 'unit': self.unit_name(), 'principal': Fraction(r.choice([10, 100])),
            'step': Fraction(r.choice([0, 1, 5])), 'every': r.choice(['1 month', '14 days', '1 week', '36 hours']),
            'max_growth': r.choice([None, Fraction(25), Fraction(7)]),
            'offered_at': r.choice([None, self.p.clock - r.randint(1, 200) * DAY, self.p.clock + 2 * DAY]),
            'ends_at': self.p.clock + (r.randint(1, 200) * HOUR if self.has('short_bonus') else r.randint(3, 90) * DAY) if self.chance(0.4) else None})

    def call_claim(self):
        if not self.p.bonuses:
            return None
        open_ = [n for n, b in self.p.bonuses.items() if self.p.bonus_status(b) == 'open']
        return {'bonus': self.r.choice(open_ if open_ and self.chance(0.7) else list(self.p.bonuses))}
