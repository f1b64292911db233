"""
What a redemption would cost, what is on offer, and what members can afford,
for the model: nothing here changes anything.
"""

from purse import ZERO


class Quotes:
    """Mixed into Program."""

    def lots_for(self, member, unit, points):
        """The lots that so many points would come from: (start, end) -> points."""
        now = self.now(member)
        purse = self.purse(member, unit).copy()
        purse.settle(now)
        return {(lot.start, purse.end_of(lot)): n for lot, n in purse.draw(points, now)}

    def lacks(self, member, unit, points):
        """How many points more it takes: what is owed is repaid first."""
        exact, _, debt = self.state(member, unit)
        return max(ZERO, points - exact + debt)

    def quote(self, member, name, quantity):
        """price -> (unit, points, money, available, remaining, missing, lots, why not)"""
        r, out = self.rewards[name], {}
        for price, (unit, each, *_) in r.prices.items():
            points = quantity * each
            available = self.shown(unit, self.state(member, unit)[0])
            missing = self.lacks(member, unit, points)
            why = set(self.why_not('redeem', member, name, quantity, price, None)[1])
            out[price] = (unit, points, None if r.money(price) is None else quantity * r.money(price), available,
                          None if missing else available - points, missing,
                          None if missing else self.lots_for(member, unit, points), why)
        return out

    def offers(self, member):
        """(reward, price) -> (unit, points, money, available, affordable, missing, next): what a member may have now"""
        out = {}
        if member not in self.members or self.members[member].status != 'active':
            return out
        now = self.now(member)
        for r in self.rewards.values():
            why = [] if r.enabled else ['LY004']
            why += self.why_closed(r, member, now) + self.left_of(None, r.name, member, 1, now)
            if r.pool is not None:
                why += self.codes_lacking(r.pool, 1, self.code_end(r, member, now))
            for price, (unit, points, *_) in r.prices.items():
                if not why and self.has_price(r, price, member, now):
                    missing = self.lacks(member, unit, points)
                    out[r.name, price] = [unit, points, r.money(price), self.shown(unit, self.state(member, unit)[0]),
                                          missing == 0, missing]
        for k, x in out.items():
            lacking = [y[5] for y in out.values() if y[0] == x[0] and y[5] > 0]
            out[k] = tuple(x) + (x[5] > 0 and x[5] == min(lacking),)
        return out

    def catalogue(self):
        """(reward, price) -> (unit, points, money, price tiers, stock left, open): what is on offer"""
        out = {}
        for r in self.rewards.values():
            is_open = r.valid[0] <= self.clock < r.valid[1]
            if r.enabled and (is_open or r.early_access is not None and self.clock < r.valid[1]):
                for price, (unit, points, *_) in r.prices.items():
                    out[r.name, price] = (unit, points, r.money(price), r.price_tiers(price), self.stock_left(r.name), is_open)
        return out
