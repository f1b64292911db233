#!/usr/bin/python3
"""
The model against the examples of tiers in section 5 of the semantics, without a database:

    test/model/test_tiers.py
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from clock import at
from model import Rule, Unit
from test_model import Shop


class Club(Shop):
    """A shop whose purchases count towards tiers: status points 1 per 1, and points by rules."""

    def __init__(self, tiers, *rules, expires='12 months', clock='2025-01-01', **settings):
        Shop.__init__(self, *rules, clock=clock)
        self.p.add_unit(Unit('status', expires=expires))
        self.p.add_rule(Rule('status', '1 per 1', unit='status'))
        self.p.add_group('club', [{'name': n, 'rank': 10 * (i + 1), 'threshold': x} for i, (n, x) in enumerate(tiers)],
                         unit='status', **settings)

    def buy(self, *some):
        """(instant, total), ..., each when it happens."""
        for when, total in some:
            self.clock(when)
            self.order(len(self.p.events) + 1, total)

    def tiers(self, *instants):
        return [self.p.tier_at(1, 'club', at(x)) for x in instants]


class Tiers(unittest.TestCase):
    def test_5_1_late(self):
        s = Club([('Silver', 1000), ('Gold', 3000)], '1 per 1', Rule('silver', 'x1.25', tiers=['Silver']),
                 Rule('gold', 'x1.5', tiers=['Gold']), keep='12 months', top_up=True)
        s.buy(('2025-03-10', 1200), ('2025-11-20', 1500), ('2026-02-15', 200), ('2026-03-01', 100))
        self.assertEqual(s.tiers('2026-02-28', '2026-03-01'), ['Silver', 'Gold'])
        before = s.available('2026-03-01')
        s.clock('2026-03-15')
        s.order(9, 150, when='2026-02-18')
        self.assertEqual(s.tiers('2026-02-17', '2026-02-18', '2027-02-17', '2027-02-18'), ['Silver', 'Gold', 'Gold', None])
        self.assertEqual(s.available('2026-03-15') - before, 187 + 25)

    def test_5_2_refund(self):
        s = Club([('Gold', 3000)], keep='12 months', expires='never')
        s.buy(('2025-02-01', 2000), ('2025-03-01', 1050))
        s.clock('2025-04-01')
        s.total(2, 850)
        self.assertEqual(s.tiers('2025-03-01', '2026-02-28', '2026-03-01'), ['Gold', 'Gold', None])

    def test_5_3_year(self):
        for nights, downgrade, tier in ((20, 'one_level', 'Gold'), (20, 'to_qualified', None), (60, 'to_qualified', 'Gold')):
            s = Club([('Silver', 25), ('Gold', 50), ('Platinum', 75)], expires='to end of year', keep='1 year to end of year',
                     downgrade=downgrade)
            s.buy(('2025-02-01', 75), ('2026-02-01', nights))
            self.assertEqual(s.tiers('2025-02-01', '2026-12-31', '2027-01-01'), ['Platinum', 'Platinum', tier])

    def test_5_4_other_points(self):
        s = Club([('Silver', 1000)], '500', keep='12 months')
        s.buy(('2025-02-01', 900))
        s.p.spend(1, 1, 'points', 300)
        self.assertEqual(s.tiers('2025-02-01'), [None])
        s.buy(('2025-02-02', 100))
        s.p.spend(2, 1, 'status', 1000)
        self.assertEqual(s.tiers('2025-02-02', '2026-02-01'), ['Silver', 'Silver'])     # spending never demotes

    def test_5_5_inserted(self):
        s = Club([('Silver', 100), ('Gold', 300)], keep='12 months')
        s.p.groups['club'].tiers['Gold'].rank = 30
        s.p.tiers_change('club')
        s.buy(('2025-02-01', 250), ('2025-03-01', 60))
        s.clock('2025-04-01')
        g = s.p.groups['club']
        g.tiers['Rose'] = s.p.tier(g, {'name': 'Rose', 'rank': 20, 'threshold': 200})
        s.p.tiers_change('club')
        self.assertEqual(s.tiers('2025-02-28', '2025-03-01', '2025-04-01', '2026-02-28', '2026-03-01'),
                         ['Silver', 'Gold', 'Gold', 'Gold', None])

    def test_5_6_held_before(self):
        s = Club([('Silver', 1000), ('Gold', 3000)], '1 per 1', Rule('silver', 'x1.25', tiers=['Silver']),
                 Rule('gold', 'x1.5', tiers=['Gold']), keep='12 months')
        s.buy(('2025-02-01', 2900))
        before = s.available('2025-02-01')
        s.buy(('2025-02-02', 200))
        self.assertEqual(s.available('2025-02-02') - before, 250)

    def test_given(self):
        s = Club([('Silver', 100)], keep='1 month')
        s.p.groups['club'].tiers['VIP'] = s.p.tier(s.p.groups['club'], {'name': 'VIP', 'rank': 90, 'threshold': None})
        s.p.tiers_change('club')
        s.buy(('2025-02-01', 150))
        s.clock('2025-02-10')
        s.p.set_tier(1, 'club', 'VIP', at('2025-06-01'))
        self.assertEqual(s.tiers('2025-02-09', '2025-02-10', '2025-05-31', '2025-06-01'), ['Silver', 'VIP', 'VIP', 'Silver'])

    def test_a_copy_knows_what_was_spent(self):
        s = Club([('Silver', 100)], keep='immediately')
        s.buy(('2025-02-01', 150))
        s.p.spend(1, 1, 'status', 100)
        s.p.__dict__.update(s.p.snapshot())
        s.p.walks.clear()
        self.assertEqual(s.tiers('2025-02-01'), ['Silver'])


if __name__ == '__main__':
    unittest.main()
