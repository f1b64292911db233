"""
Random spending: rewards, pools of codes, and calls of the functions with which
members use their points.  One kind of operation,

    ('call', number, function, {argument: value})

in which `target` is the number of the call that made the hold or redemption
acted upon.  ('reward', name, {column: value}) edits a reward.
"""

from fractions import Fraction

from clock import DAY, HOUR, INF
from codes import Pool
from generate_codes import CODE_CALLS, CodesOps
from generate_more import MoreOps
from generate_offers import OffersOps
from rewards import Reward
from spending import Refused
from undo import UNDOABLE

# what needs which function of the program; run.py leaves out what is not there yet
SPENDING = {'spend': 'spend', 'holds': 'hold', 'transfers': 'transfer', 'rewards': 'redeem', 'codes': 'redeem_code',
            'pay': 'spend', 'vouchers': 'reserve_code', 'bonus': 'claim', 'undo': 'reverse', 'offers': 'redeem', 'auto': 'redeem'}
MAKERS = ('spend', 'hold', 'redeem', 'hold_reward')


class SpendingOps(CodesOps, OffersOps, MoreOps):
    """Mixed into Generator."""

    def make_spending(self):
        r, s = self.r, self.spec
        s.rewards, s.choices, s.pools, s.codes = [], {}, [], []
        self.made = []              # (number, function) of calls that made a hold or a redemption
        self.keyed = []             # operations with a key
        self.undoable = []          # numbers of calls that can be reversed
        for u in s.units:
            if self.has('grace'):
                u['return_grace'] = r.choice(['7 days', '36 hours', '1 month', 'to end of month'])
            if self.has('transfers') and u.get('spendable', True):
                u['transferable'] = True
        if self.has('rewards'):
            if self.chance(0.3):
                s.choices['set'] = (r.randint(1, 3), r.choice(['ever', 'month', 'week']))
            for name in ['mug', "it's", 'trip'][:r.randint(1, 3)]:
                s.rewards.append(self.make_reward(name))
        if self.has('codes'):
            for name in ['welcome', 'flyer'][:r.randint(1, 2)]:
                s.pools.append({'name': name, 'unit': r.choice(s.units)['name'], 'points': r.choice([10, 50, 100]),
                                'uses': r.choice([1, 1, 2, 5]), 'uses_per_member': r.choice([None, None, 1, 2])})
                s.codes += [('%s%d' % (name[:2].upper() * 3, 100 + i), name) for i in range(6)]
        self.make_vouchers()
        self.make_offers()
        self.more_offers()

    def make_reward(self, name):
        r, s = self.r, self.spec
        x = {'name': name, 'prices': {'standard': (self.unit_name(), Fraction(r.choice([1, 5, 20, 50, 100])))}}
        if self.chance(0.3):
            x['prices']['other'] = (self.unit_name(), Fraction(r.choice([2, 10, 30])))
        if self.chance(0.6):
            x['stock'] = r.choice([0, 1, 2, 5, 10])
        if self.chance(0.4):
            x['max_per_member'], x['cap_period'] = r.choice([1, 2, 3]), r.choice(['day', 'week', 'month', 'year', 'ever'])
        if self.chance(0.15):
            x['valid'] = (s.start - DAY, s.start + r.randint(1, 60) * DAY)
        if self.has('member_facts') and self.chance(0.3):
            x['condition'] = self.member_condition()
        if self.chance(0.5):
            x['hold_for'] = r.choice([60, 3600, 86400])
        if s.choices and self.chance(0.5):
            x['choice_set'] = 'set'
        return x

    # ------------------------------------------------------------ purchases paid with points

    def points_used(self, member, source, before=None):
        """What a purchase asks for: mostly what its member has."""
        r = self.r
        if self.chance(0.6):
            return None
        unit = source['spend_unit']
        have = self.p.shown(unit, self.p.state(member, unit)[0]) if member in self.p.members else 0
        if before is not None:
            have += before
        step = self.p.units[unit].shown_step
        if source.get('spend_step') and self.chance(0.7):
            return max(Fraction(0), r.choice([have, have // 2, have // 3]) // source['spend_step'] * source['spend_step'])
        return max(Fraction(0), r.choice([have, have // 2, have // 3, Fraction(r.randint(0, 30)), have - step, have + step
                                          if self.chance(0.3) else Fraction(0), Fraction(5)]))

    # ------------------------------------------------------------ calls

    def spending_op(self):
        kinds = []
        if self.has('spend'):
            kinds += ['spend'] * 4 + ['cancel'] * 3
        if self.has('holds'):
            kinds += ['hold'] * 3 + ['capture'] * 2 + ['release'] + (['cancel'] if not self.has('spend') else [])
        if self.has('transfers'):
            kinds += ['transfer'] * 2
        if self.has('rewards') or self.has('offers'):
            kinds += ['redeem'] * 4 + ['hold_reward'] * 2 + ['reward'] + ['cancel'] * 2 + ['capture']
        if self.has('codes'):
            kinds += ['redeem_code']
        kinds += self.code_kinds() + self.offer_kinds() + self.more_kinds()
        if not kinds:
            return None
        if self.has('keys') and self.keyed and self.chance(0.12):
            return self.repeat()
        kind = self.r.choice(kinds)
        if kind == 'reward':
            return self.edit_reward()
        if kind in ('bonus', 'pool', 'paid'):
            return getattr(self, 'make_' + kind)()
        args = getattr(self, 'call_' + kind)()
        if args is None:
            return None
        if isinstance(args, tuple):
            kind, args = args
        op = ('call', self.next(), kind, args)
        if self.has('keys') and kind not in ('check_code', 'claim', 'reverse') and self.chance(0.4):
            args['key'] = 'key %d' % op[1]
            self.keyed.append(op)
        if kind in MAKERS:
            self.made.append((op[1], kind))
        if kind in UNDOABLE:
            self.undoable.append(op[1])
        if kind in CODE_CALLS:
            self.code_made.append((op[1], kind))
        return op

    def repeat(self):
        """The same call again, or the same key for another one."""
        r = self.r
        _, no, kind, args = r.choice(self.keyed[-10:])
        args = dict(args)
        if kind in CODE_CALLS and self.chance(0.4):
            if args.get('amount') is not None:
                args['amount'] += 1
            elif 'code' in args and kind != 'give_code':
                args['code'] = 'OTHER'
        elif self.chance(0.4):
            if 'points' in args and args['points'] is not None:
                args['points'] += 1
            elif 'quantity' in args and args['quantity'] is not None:
                args['quantity'] += 1
            elif 'member' in args:
                args['member'] = r.choice(self.ids)
        return ('call', self.next(), kind, args)

    def somebody(self, unit=None):
        """A member, mostly one who has something."""
        r = self.r
        if unit is not None and self.chance(0.8):
            rich = [m for m in self.p.members if self.p.state(m, unit)[0] > 0]
            if rich:
                return r.choice(rich)
        if self.p.members and self.chance(0.97):
            return r.choice(list(self.p.members))
        return r.choice(self.ids)

    def points_of(self, member, unit):
        """How many points a call is about."""
        r = self.r
        u = self.p.units[unit]
        have = self.p.shown(unit, self.p.state(member, unit)[0]) if member in self.p.members else Fraction(0)
        x = r.random()
        if x < 0.08:
            return have + r.choice([u.shown_step, 100])
        if x < 0.10:
            return r.choice([Fraction(0), Fraction(-1), u.shown_step / 2 if u.shown_step > Fraction(1, 10000) else Fraction(0)])
        n = r.choice([have, have // 2, have // 3, have - u.shown_step, u.shown_step, Fraction(r.randint(1, 40))])
        return n if n > 0 else Fraction(r.randint(1, 10))

    def unit_name(self):
        """One that can be spent."""
        return self.r.choice([u for u in self.spec.units if u.get('spendable', True)])['name']

    def call_spend(self):
        unit = self.unit_name()
        member = self.somebody(unit)
        return {'member': member, 'unit': unit, 'points': self.points_of(member, unit)}

    def seconds(self):
        return self.r.choice([60, 900, 900, 3600, 6 * 3600, 86400, 3 * 86400, 30 * 86400])

    def call_hold(self):
        return dict(self.call_spend(), seconds=self.seconds() if self.chance(0.98) else 0)

    def target(self, kinds, better):
        """A call that made something: mostly one of which something can still become."""
        r = self.r
        some = [n for n, k in self.made if k in kinds and n in self.p.calls]
        if 'redeem' in kinds:
            some += [x.no for x in self.p.redemptions if x.kind == 'auto_redeem']
        good = [n for n in some if better(self.p.calls[n])]
        if good and self.chance(0.9):
            return r.choice(good[-6:])
        return r.choice(some) if some else None

    def call_capture(self):
        t = self.target(('hold', 'hold_reward'), lambda x: x.status == 'held')
        if t is None:
            return None
        args = {'target': t, 'points': None}
        if self.chance(0.4):
            args['points'] = self.part(self.p.calls[t], self.p.calls[t].points)
        return args

    def part(self, call, whole):
        """Some of it, sometimes too much."""
        r = self.r
        if call.reward and self.chance(0.9):
            n = call.price * r.randint(1, max(1, int(whole / call.price)))
        else:
            n = r.choice([whole // 2, whole // 3, self.p.units[call.unit].shown_step, whole])
        if self.chance(0.08):
            n = whole + self.p.units[call.unit].shown_step
        return n if n > 0 else self.p.units[call.unit].shown_step

    def call_release(self):
        t = self.target(('hold', 'hold_reward'), lambda x: x.status == 'held' and x.hold.closed is None)
        return None if t is None else {'target': t}

    def call_cancel(self):
        t = self.target(MAKERS, lambda x: x.left() > 0)
        if t is None:
            return None
        call = self.p.calls[t]
        args = {'target': t, 'points': None, 'quantity': None}
        if self.chance(0.5):
            if call.reward and self.chance(0.7):
                args['quantity'] = self.r.randint(1, max(1, int(call.quantity - call.cancelled)))
            else:
                args['points'] = self.part(call, call.left())
        return args

    def call_transfer(self):
        unit = self.r.choice([u for u in self.spec.units if u.get('transferable')] or
                             [u for u in self.spec.units if u.get('spendable', True)])['name']
        member = self.somebody(unit)
        return {'sender': member, 'receiver': self.somebody(), 'unit': unit, 'points': self.points_of(member, unit)}

    def reward_args(self):
        r = self.r
        reward = r.choice(self.spec.rewards)
        price = r.choice(list(reward['prices'])) if self.chance(0.4) else 'standard'
        unit, points = reward['prices'][price][:2]
        if self.has('offers') and self.chance(0.3):
            price = r.choice([None, None, 'nothing'])
        rich = [m for m in self.p.members if self.p.state(m, unit)[0] >= points]
        return {'member': r.choice(rich) if rich and self.chance(0.8) else self.somebody(unit), 'reward': reward['name'],
                'quantity': r.choice([1, 1, 1, 2, 3]), 'price': price}

    def call_redeem(self):
        return self.reward_args()

    def call_hold_reward(self):
        return dict(self.reward_args(), seconds=self.seconds() if self.chance(0.6) else None)

    def edit_reward(self):
        r = self.r
        name = r.choice(self.spec.rewards)['name']
        if name not in self.p.rewards:
            return None
        x = self.p.rewards[name]
        choices = [{'enabled': not x.enabled or self.chance(0.6)}] + ([{'max_per_member': r.choice([1, 2, 4])}] if x.max_per_member else [])
        if x.stock is not None:
            choices += [{'stock': x.stock + r.choice([1, 2, 5])}] * 3
        return ('reward', name, r.choice(choices))


def add_rewards(p, spec):
    """The rewards and codes of a program, for its model."""
    p.choices.update(spec.choices)
    for x in spec.rewards:
        p.rewards[x['name']] = Reward(**x)
    for x in spec.pools:
        p.pools[x['name']] = Pool(**dict({k: v for k, v in x.items() if k != 'points'}, value=Fraction(x['points'])))
    for x in spec.vouchers:
        p.pools[x['name']] = Pool(**x)
    for c, name in spec.codes:
        if name in p.pools:
            p.add_code(c, name)
    p.code_attempts, p.code_window = spec.attempts


def callable_now(p, op):
    """Whether what a call is about exists (an operation may have been left out)."""
    if op[0] == 'reward':
        return op[1] in p.rewards
    if op[0] == 'pool':
        return op[1] in p.pools
    if op[0] == 'bonus':
        return op[2]['member'] in p.members
    args = op[3]
    if args.get('pool') is not None and args['pool'] not in p.pools:
        return False
    if args.get('bonus') is not None and args['bonus'] not in p.bonuses:
        return False
    if op[2] in ('release_code', 'cancel_code'):
        return args['target'] in p.uses
    if args.get('reservation') is not None and args['reservation'] not in p.uses:
        return False
    return args.get('target') is None or args['target'] in p.calls


def apply_spending(p, op, told=None):
    """An operation on the model: the SQLSTATEs that may come, '' = it works; told: the one that came."""
    if not callable_now(p, op):
        return None
    if op[0] in ('reward', 'pool'):
        for k, v in op[2].items():
            setattr((p.rewards if op[0] == 'reward' else p.pools)[op[1]], k, v)
        return ''
    if op[0] == 'bonus':
        p.bonus(op[1], **op[2])
        return ''
    try:
        getattr(p, op[2])(op[1], **op[3])
        return ''
    except Refused as e:
        p.told(op[2], op[3], told if told in e.states else e.sqlstate)
        return e.states
