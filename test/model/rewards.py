"""
Rewards, for the model: prices, limits, stock, choice sets, early access, codes
that come with them, rewards that members get by themselves, donations.  The
numbers in comments are sections of the semantics.
"""

from clock import INF, NINF, SECOND, Period, span_start, to_local
from expr import value
from purse import ZERO
from spending import Call, refuse


class Reward:
    """Something that points buy.  prices: name -> (unit, points[, money[, tiers]])."""

    def __init__(self, name, prices, stock=None, max_per_member=None, cap_period='ever', valid=(NINF, INF),
                 condition=None, hold_for=900, enabled=True, choice_set=None, kind='custom', early_access=None, pool=None,
                 code_valid=None, cause=None, cost=None, auto_redeem=False, max_auto=1, priority=0,
                 tiers=None):
        self.name, self.prices, self.stock = name, prices, stock
        self.max_per_member, self.cap_period = max_per_member, cap_period
        self.valid, self.condition, self.hold_for, self.enabled = valid, condition, hold_for, enabled
        self.choice_set, self.kind, self.early_access = choice_set, kind, early_access
        self.pool, self.code_valid, self.cause, self.cost = pool, code_valid, cause, cost
        self.auto_redeem, self.max_auto, self.priority = auto_redeem, max_auto, priority
        self.tiers = tiers          # whose members may have it; None: everybody

    def money(self, price):
        """What is to be paid beside."""
        return self.prices[price][2] if len(self.prices[price]) > 2 else None

    def price_tiers(self, price):
        """Whose members have this price; None: everybody."""
        return self.prices[price][3] if len(self.prices[price]) > 3 else None


class Rewards:
    """Mixed into Program."""

    def init_rewards(self):
        self.rewards, self.choices = {}, {}     # choices: name -> (choose, cap_period)
        self.redemptions = []
        self.moved = set()          # members whose account the present statement has moved

    def taken(self, names, now, member=None, period=None):
        """Pieces of some rewards that are gone: in all, or one member's in the span around now."""
        return sum(x.pieces_taken(now) for x in self.redemptions if x.reward in names and (
            member is None or x.member == member and
            span_start(x.counted_at, period, self.zone) == span_start(now, period, self.zone)))

    def left_of(self, call, name, member, quantity, now):
        """Why stock or limits do not suffice."""
        r = self.rewards[name]
        why = []
        if r.stock is not None and self.taken([name], now) + quantity > r.stock:
            why.append('LY005')
        if r.max_per_member is not None and \
                self.taken([name], now, member, r.cap_period) + quantity > r.max_per_member:
            why.append('LY006')
        if r.choice_set is not None:
            choose, period = self.choices[r.choice_set]
            names = [x.name for x in self.rewards.values() if x.choice_set == r.choice_set]
            if self.taken(names, now, member, period) + quantity > choose:
                why.append('LY006')
        return why

    def stock_left(self, name):
        r = self.rewards[name]
        return None if r.stock is None else r.stock - self.taken([name], self.clock)

    # -- redeeming

    def has_price(self, r, price, member, now):
        """Whether a price is there for a member."""
        tiers = r.price_tiers(price)
        return tiers is None or bool(set(tiers) & set(self.tiers_at(member, now).values()))

    def choose_price(self, r, price, member, now):
        """The name of a price, as asked for, or the one that applies: (name, why not)."""
        if price is not None:
            if price not in r.prices:
                return (None, ['42704'])
            return (price, [] if self.has_price(r, price, member, now) else ['LY007'])
        some = [x for x in r.prices if self.has_price(r, x, member, now)]
        if not some:
            return (None, ['LY007'])
        if len(some) > 1 and (len({r.prices[x][0] for x in some}) > 1 or any(r.money(x) is not None for x in some)):
            return (None, ['42P08'])
        return (min(some, key=lambda x: (r.prices[x][1], x)), [])

    def why_closed(self, r, member, now):
        """Why a member may not have a reward now."""
        why = []
        early = 0 if r.early_access is None else value(r.early_access, None, self.facts_now(member)) or 0
        if not r.valid[0] - early * SECOND <= now < r.valid[1]:
            why.append('LY004')
        if r.condition is not None and value(r.condition, None, self.facts_now(member)) is not True or \
                r.tiers is not None and not set(r.tiers) & set(self.tiers_at(member, now).values()):
            why.append('LY007')
        return why

    def code_end(self, r, member, now):
        """Until when what was redeemed can be used."""
        return None if r.code_valid is None else Period(r.code_valid).end(now, self.zone_of(member))

    def why_not(self, kind, member, name, quantity, price, seconds):
        """(the price that applies, why a member cannot redeem so much or set it aside)"""
        r = self.rewards.get(name)
        why = self.who(member) + ([] if quantity > 0 else ['22023']) + ([] if seconds is None or seconds > 0 else ['22023'])
        if r is None or not r.enabled or not r.prices:
            return (None, why + ['LY004'])
        now = self.now(member)
        price, wrong = self.choose_price(r, price, member, now)
        why += wrong
        if member not in self.members or '22023' in why:
            return (price, why)
        why += self.why_closed(r, member, now) + self.left_of(None, name, member, quantity, now)
        if price is not None:
            unit, each = r.prices[price][:2]
            why += self.enough(member, unit, quantity * each)
        if r.pool is not None and kind == 'redeem':
            why += self.codes_lacking(r.pool, quantity, self.code_end(r, member, now))
        if r.pool is not None and kind == 'hold_reward':
            n = r.hold_for if seconds is None else seconds
            why += self.codes_lacking(r.pool, quantity, INF, now + n * SECOND)
        return (price, why)

    def buy(self, no, kind, member, name, quantity, price, seconds):
        price, why = self.why_not(kind, member, name, quantity, price, seconds)
        refuse(why)
        return self.take_reward(no, kind, self.rewards[name], member, price, quantity, seconds)

    def take_reward(self, no, kind, r, member, price, quantity, seconds=None):
        unit, each = r.prices[price][:2]
        now = self.now(member)
        call = Call(no, kind, member, unit, quantity * each, now)
        call.reward, call.price, call.quantity = r.name, each, quantity
        call.price_name, call.money = price, r.money(price)
        if kind == 'hold_reward':
            self.set_aside(call, call.points, r.hold_for if seconds is None else seconds)
            if r.pool is not None:
                self.hold_codes(call, r.pool, quantity)
        else:
            if r.pool is not None:
                call.codes = self.draw_codes(no, r.pool, quantity, member, self.code_end(r, member, now), no)
            self.take(call, call.points)
        self.redemptions.append(call)
        return call

    def facts_now(self, member):
        m = self.members[member]
        return dict({'purchases': m.purchases + ZERO, 'spend': m.spend, 'attributes': dict(m.attributes)},
                    **self.tier_facts(self.tiers_at(member, self.now(member))))

    def redeem(self, no, member, reward, quantity=1, price='standard', key=None):
        return self.called(no, key, ('redeem', member, reward, quantity, price),
                           lambda: self.buy(no, 'redeem', member, reward, quantity, price, None))

    def hold_reward(self, no, member, reward, quantity=1, seconds=None, price='standard', key=None):
        return self.called(no, key, ('hold_reward', member, reward, quantity, seconds, price),
                           lambda: self.buy(no, 'hold_reward', member, reward, quantity, price, seconds))

    # -- rewards that members get by themselves

    def automatic(self):
        """By priority, then higher price, then name."""
        out = []
        for r in self.rewards.values():
            price = next((x for x in sorted(r.prices) if r.money(x) is None and r.prices[x][1] > 0), None)
            if r.auto_redeem and r.enabled and price is not None:
                out.append((-r.priority, -r.prices[price][1], r.name, r, price))
        return [(r, price) for *_, r, price in sorted(out, key=lambda x: x[:3])]

    def can_have(self, r, price, member):
        """How many pieces of an automatic reward a member gets now."""
        now = self.now(member)
        unit, each = r.prices[price][:2]
        if self.members[member].status != 'active' or self.why_closed(r, member, now):
            return 0
        n = min(r.max_auto, int(self.shown(unit, self.ready(member, unit)[1].read(now)[0]) // each))
        while n > 0 and self.left_of(None, r.name, member, n, now):
            n -= 1
        if n > 0 and r.pool is not None and self.codes_lacking(r.pool, n, self.code_end(r, member, now)):
            return 0
        return n

    def auto(self, member):
        """The rewards a member gets when its account has been moved."""
        if member not in self.members:
            return
        for r, price in self.automatic():
            n = self.can_have(r, price, member)
            if n > 0:
                no = ('auto', member, len(self.automatic_of(member)))
                self.calls[no] = self.take_reward(no, 'auto_redeem', r, member, price, n)

    def automatic_of(self, member):
        return [x for x in self.redemptions if x.kind == 'auto_redeem' and x.member == member]

    def auto_moved(self):
        """At the end of a statement, for all whose account it has moved."""
        moved, self.moved = sorted(self.moved), set()
        for member in moved:
            self.auto(member)

    def surely_due(self, member):
        """Whether something has become available since the account was last moved: book_due() must see it."""
        since, now = self.last_at.get(member, NINF), self.clock
        for (who, _), purse in self.purses.items():
            if who == member:
                if any(since < x.start <= now and purse.points(x, now) > 0 for x in purse.lots.values()):
                    return True
                if any(since < x.deadline <= now for x in purse.open_holds()):
                    return True
        return False

    def book_due(self, more=()):
        """Members of whom something is due; others (more) may be, as their accounts know it only roughly."""
        for member in sorted(m for m in self.members if m in more or self.surely_due(m)):
            self.auto(member)

    # -- reading

    def donations(self):
        """(cause, month, unit) -> (times, members, points, value)"""
        out = {}
        for x in self.redemptions:
            r = self.rewards[x.reward]
            if r.kind == 'donation' and x.status not in ('held', 'released', 'reversed') and x.quantity > x.cancelled:
                month = to_local(x.counted_at, self.zone)
                k = (r.cause, '%d-%d' % (month.year, month.month), x.unit)
                times, who, points, worth = out.setdefault(k, [0, set(), ZERO, ZERO])
                n = x.quantity - x.cancelled
                out[k] = [times + 1, who | {x.member}, points + n * x.price, worth + n * (r.cost or 0)]
        return {k: (a, len(b), c, d) for k, (a, b, c, d) in out.items()}
