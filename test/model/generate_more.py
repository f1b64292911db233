"""
More of spending: money as a unit and cards that are topped up with it or moved
to it, prices and early access by tier, codes of rewards on hold, purchases of
several sources that are paid with points of several units, within limits,
several rewards that members get by themselves.
"""

from fractions import Fraction

from clock import DAY

# These programs are of a series of their own; the features are drawn beside those of all programs.
MORE = {'spend': 0.5, 'holds': 0.5, 'rewards': 0.75, 'pay': 0.65, 'keys': 0.4, 'vouchers': 0.3, 'offers': 0.5, 'auto': 0.3, 'bonus': 0.4,
        'undo': 0.4, 'moves': 0.35, 'activity_expiry': 0.2, 'wallet': 0.5, 'cards': 0.5, 'held_codes': 0.65, 'pay_more': 0.6,
        'pay_limits': 0.35, 'tiers': 0.3, 'tier_hand': 0.6, 'tier_rewards': 0.7, 'tier_prices': 0.8, 'autos': 0.3,
        'charity': 0.3, 'short_bonus': 0.5, 'gifts': 0.8}


class MoreOps:
    """Mixed into Generator."""

    def make_money(self):
        """A unit that is money, in which cashback is paid."""
        u = {'name': 'wallet', 'activates': 'immediately', 'decimals': 2, 'value': Fraction(1), 'expires': self.r.choice(['never', '2 months', '30 days', '3 months since last activity'])}
        if self.chance(0.3):
            u['rounding'] = 'carry'
        self.spec.units.append(u)

    def more_sources(self):
        """Other sources that are paid with points, and limits of what a purchase can be paid with."""
        r, s = self.r, self.spec
        orders = s.sources[0]['model']
        if self.has('pay_more') and self.pays():
            for x in s.sources[1:]:
                if x['model']['name'] in ('lines', 'visits'):
                    x['model']['spend'], x['model']['spend_unit'] = ('col', 'used'), r.choice(s.units)['name']
                    x['columns']['used'] = 'numeric'
            if self.chance(0.4):
                orders['spend_condition'] = ('<>', ('col', 'status'), ('str', 'cancelled'))
        if self.has('pay_limits') and self.pays():
            unit = self.unit(orders['spend_unit'])
            unit.setdefault('value', Fraction(r.choice(['0.01', '0.1', '0.05'])))
            for k, some in (('spend_min', [5, 10]), ('spend_max', [50, 200]), ('spend_step', [5, 10]),
                            ('spend_max_share', [Fraction('0.5'), Fraction('0.25'), Fraction(1)])):
                if self.chance(0.5):
                    orders[k] = Fraction(r.choice(some))

    def more_rules(self):
        unit = next((u for u in self.spec.units if u['name'] == 'wallet'), None)
        if unit:
            self.spec.rules.append({'name': 'cashback', 'unit': 'wallet', 'source': 'orders',
                                    'earn': self.earn('percent', unit.get('rounding') == 'carry')})

    def more_pools(self):
        """Cards, blank ones too, and pools that rewards take codes from."""
        r, s = self.r, self.spec
        names = [x['name'] for x in s.vouchers]
        if self.has('cards'):
            if 'card' not in names:
                s.vouchers.append({'name': 'card', 'gives': 'balance', 'value': Fraction(r.choice([10, 25]))})
            s.vouchers.append({'name': 'blank', 'gives': 'balance', 'value': Fraction(0), 'expires': r.choice(['never', '30 days', '3 months'])})
        if self.has('held_codes'):
            s.vouchers.append({'name': 'for rewards', 'gives': 'product', 'product': 'MUG-2'})

    def more_offers(self):
        """Rewards whose codes are set aside; prices and early access by tier; automatic ones."""
        r, s = self.r, self.spec
        if self.has('held_codes'):
            for name in ['coded', 'coded 2'][:r.randint(1, 2)]:
                x = {'name': name, 'prices': {'standard': (r.choice(s.units[:2])['name'], Fraction(r.choice([1, 5, 10])))}, 'pool': 'for rewards'}
                if self.chance(0.4):
                    x['hold_for'] = r.choice([60, 3600, 86400])
                if self.chance(0.3):
                    x['code_valid'] = r.choice(['30 days', '36 hours'])
                if self.chance(0.3):
                    x['max_per_member'], x['cap_period'] = 4, r.choice(['day', 'month'])
                s.rewards.append(x)
        if self.has('charity'):
            s.rewards.append({'name': 'sea', 'kind': 'donation', 'cause': r.choice(['forest', 'sea']), 'cost': Fraction(r.choice(['0.50', '1'])),
                              'prices': {'standard': (r.choice(s.units)['name'], Fraction(r.choice([1, 5])))}})
        if self.has('autos'):
            for i in range(r.randint(2, 4)):
                s.rewards.append({
                    'name': 'auto %d' % i, 'prices': self.one_price(), 'auto_redeem': True, 'priority': r.choice([0, 0, 1, 2]), 'max_auto': r.choice([1, 2, 3]),
                    'max_per_member': r.choice([1, 2, 3]), 'cap_period': r.choice(['day', 'day', 'week', 'month'])})
                if self.chance(0.4):
                    s.rewards[-1]['stock'] = r.choice([2, 5])

    def more_tiers(self):
        """Prices and early access by tier."""
        r = self.r
        for x in self.spec.rewards if self.has('tier_prices') else ():
            group, tiers = r.choice(self.spec.groups)
            names = [t['name'] for t in tiers]
            if x['name'].startswith('coded'):
                x.pop('tiers', None)
                continue
            if not x.get('auto_redeem'):
                for price in list(x['prices']):
                    if self.chance(0.4):
                        p = x['prices'][price]
                        x['prices'][price] = (p[0], p[1], p[2] if len(p) > 2 else None, names[r.randrange(len(names)):])
                if self.chance(0.5):
                    unit, points = x['prices']['standard'][:2]
                    x['prices']['for tiers'] = (unit, max(Fraction(1), points // 2), None, names[-1:])
            if self.chance(0.25):
                s = self.spec.start
                x['valid'] = (s + r.randint(1, 20) * DAY, s + 90 * DAY)
                x['early_access'] = ('early', ('in', ('tier_of', group['name']), names), r.choice([3, 20]) * 86400)

    # ------------------------------------------------------------ calls

    def more_kinds(self):
        kinds = []
        if self.has('cards'):
            kinds += ['top_up_code'] * 3 + ['deposit_code'] * 4 + ['stock_up'] * (4 if self.stocked('card') < 2 else 0)
        if self.has('held_codes'):
            kinds += ['hold_coded'] * 10 + ['capture_codes'] * 8 + ['stock_up'] * (12 if self.stocked('for rewards') < 4 else 1) + \
                ['cancel_codes'] * 6 + ['void_held']
        if self.pays():
            kinds += ['paid'] * (3 + len(kinds) // 12)
        if self.has('gifts'):
            kinds += ['gift'] * (2 + len(kinds) // 12)
        if self.has('short_bonus') and self.has('bonus') and self.p.bonuses:
            kinds += ['claim']
        return kinds

    def make_paid(self):
        """A change of a purchase that was paid with points."""
        r = self.r
        some = [e for e in self.p.events.values() if e.paid is not None and (e.paid.left() > 0 or e.paid.absent > 0) and self.p.index[e.source.name].get(e.key)]
        if not some:
            return None
        e = r.choice(some[-12:])
        name = e.source.name
        key = r.choice(list(self.p.index[name][e.key]))
        row = self.p.tables[name][key]
        x = r.random()
        if x < 0.2:
            return ('stmt', name, 'delete', [('D', key)])
        if x < 0.75:
            used = row['used'] or Fraction(0)
            n = r.choice([used // 2, used + 5, used - 1, Fraction(0), self.points_used(row['customer_id'], self.spec.source(name)['model'], used)])
            return ('stmt', name, 'update', [('U', key, {'used': n if n is None or n >= 0 else Fraction(0)})])
        if x < 0.85 and not e.source.event:
            return ('stmt', name, 'update', [('U', key, {'customer_id': r.choice(self.ids)})])
        return ('stmt', name, 'update', [('U', key, {'status': r.choice(['paid', 'new', 'cancelled', 'ok', 'seen'])})])

    def call_gift(self, unit=None):
        """Points by hand, so that there is something to spend."""
        unit = unit or self.unit_name()
        ends = None if self.p.units[unit].activates.text == 'immediately' and self.chance(0.6) else self.p.clock + self.r.randint(5, 60) * DAY
        return ('adjusted', {'member': self.somebody(), 'unit': unit, 'points': Fraction(self.r.choice([50, 100, 200])), 'expires_at': ends})

    def stocked(self, pool):
        """How many codes of a pool are good for something."""
        return sum(1 for x in self.p.codes.values() if x.pool.name == pool and self.p.code_state(x) in ('free', 'given', 'active'))

    def some_card(self):
        """A card, mostly a good one; sometimes no card."""
        cards = [x for x in self.p.codes.values() if x.pool.gives == 'balance']
        if not cards or self.chance(0.06):
            return self.some_code()
        good = [x for x in cards if self.p.code_state(x) in ('free', 'given', 'active', 'reserved', 'used')]
        return self.name_of(self.r.choice(good if good and self.chance(0.85) else cards))

    def call_top_up_code(self):
        r = self.r
        return {'code': self.some_card(), 'amount': r.choice([Fraction(10), Fraction('25.50'), Fraction('0.01'), Fraction(100)]) if self.chance(0.96) else Fraction(0),
                'valid_until': self.p.clock + r.randint(-1, 60) * DAY if self.chance(0.3) else None}

    def call_deposit_code(self):
        r = self.r
        code = self.some_card()
        c = self.p.code_named(code)
        left = c.balance() if c is not None and c.pool.gives == 'balance' else Fraction(5)
        amount = r.choice([None, None, left, left / 2 if (left * 50).denominator == 1 else left, Fraction(3), left + Fraction('0.01') if self.chance(0.3) else None])
        return {'code': code, 'member': self.user_of(code) or self.somebody(), 'amount': amount if amount is None or amount > 0 or self.chance(0.2) else None,
                'unit': r.choice([None, None, 'wallet', 'points'] if self.unit_there('wallet') else [None, 'points'])}

    def unit_there(self, name):
        return any(u['name'] == name for u in self.spec.units)

    def call_stock_up(self):
        """More codes for rewards, more cards."""
        pool = min([x['name'] for x in self.spec.vouchers if x['name'] in ('for rewards', 'card', 'blank')], key=self.stocked)
        return ('import_codes', {'pool': pool, 'codes': ['MORE%d' % (self.next() * 10 + i) for i in range(self.r.randint(3, 9))],
                                 'valid_from': None, 'valid_until': self.p.clock + self.r.randint(1, 40) * DAY if self.chance(0.2) else None, 'value': None})

    def coded(self):
        return [x for x in self.spec.rewards if x.get('pool') is not None]

    def call_hold_coded(self):
        """A reward that has codes, set aside or redeemed by somebody who can afford it."""
        r = self.r
        reward = r.choice(self.coded())
        price = r.choice(list(reward['prices']))
        unit, points = reward['prices'][price][:2]
        rich = [m for m in self.p.members if self.p.state(m, unit)[0] >= points]
        if not rich and self.chance(0.9):
            return self.call_gift(unit)
        n = r.choice([1, 2, 2, 3])
        args = {'member': r.choice(rich) if rich else self.somebody(unit), 'reward': reward['name'], 'quantity': n, 'price': price}
        if self.chance(0.4):
            return ('redeem', args)
        return ('hold_reward', dict(args, seconds=self.seconds() if self.chance(0.6) else None))

    def call_void_held(self):
        """Somebody ends a code that is set aside."""
        held = [x for x in self.p.codes.values() if x.held(self.p.clock)]
        return ('void_code', {'code': self.name_of(self.r.choice(held))}) if held else None

    def call_capture_codes(self):
        """A capture of a reward that has codes, mostly one that has not lapsed."""
        some = [x for x in self.p.calls.values() if x.kind == 'hold_reward' and x.status == 'held' and self.p.rewards[x.reward].pool is not None and x.no in self.made_there()]
        if not some:
            return None
        call = self.r.choice(some[-4:])
        kind = self.r.choice(['capture', 'capture', 'capture', 'release'])
        if kind == 'release':
            return (kind, {'target': call.no})
        n = self.r.randint(1, int(call.quantity))
        return (kind, {'target': call.no, 'points': call.price * n if self.chance(0.4) else None})

    def call_cancel_codes(self):
        """A cancellation of a redemption that has codes."""
        some = [x for x in self.p.calls.values() if x.kind in ('redeem', 'hold_reward') and x.left() > 0 and self.p.rewards[x.reward].pool is not None and x.no in self.made_there()]
        if not some:
            return None
        call = self.r.choice(some[-4:])
        return ('cancel', {'target': call.no, 'points': None, 'quantity': self.r.randint(1, int(call.quantity - call.cancelled)) if self.chance(0.6) else None})

    def made_there(self):
        return {n for n, _ in self.made}
