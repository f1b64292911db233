#!/usr/bin/python3
"""
The model of spending against the numbered examples of the semantics, without a
database:

    test/model/test_spending.py
"""

import os
import sys
import unittest
from fractions import Fraction

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from clock import INF, at
from codes import Pool
from model import Program, Refused, Rule, Source, Unit
from rewards import Reward

HOUR = 3600


class Till(unittest.TestCase):
    """A program with members 1 and 2, and orders that may be paid with points."""

    def setUp(self):
        self.start()

    def start(self, clock='2026-01-15 12:00', rules=('1 per 1',), **unit):
        p = self.p = Program(clock=at(clock))
        p.add_unit(Unit('points', **unit))
        p.add_source(Source('orders', amount=('-', ('col', 'total'), ('col', 'paid')), spend=('col', 'used'),
                            condition=('=', ('col', 'status'), ('str', 'paid'))))
        for i, r in enumerate(rules):
            p.add_rule(Rule('r%d' % i, r))
        for m in (1, 2):
            p.add_member(m, at('2026-01-01'))
        self.no = 0

    def lot(self, points, end=None, member=1):
        self.p.adjust(member, 'points', Fraction(points), INF if end is None else at(end))

    def clock(self, text):
        self.p.set_clock(at(text))

    def call(self, name, *args, **more):
        """Makes a call; its number."""
        self.no += 1
        getattr(self.p, name)(self.no, *args, **more)
        return self.no

    def refused(self, state, name, *args, **more):
        with self.assertRaises(Refused) as r:
            self.call(name, *args, **more)
        self.assertIn(state, r.exception.states)

    def order(self, id, total=0, used=0, paid=0, member=1, status='paid', when=None):
        self.p.statement('orders', [('I', {
            'id': id, 'customer_id': member, 'total': Fraction(total), 'used': Fraction(used), 'paid': Fraction(paid),
            'status': status, 'placed_at': self.p.clock if when is None else at(when)})])

    def update(self, id, **columns):
        self.p.statement('orders', [('U', (id,), columns)])

    def have(self, *expected, member=1):
        """(available, held, debt)"""
        available, _, debt = self.p.state(member, 'points')
        self.assertEqual((available, self.p.held(member, 'points'), debt), expected)

    def balance(self, when, known_at=None, member=1):
        return self.p.balance(member, 'points', at(when), None if known_at is None else at(known_at))


class Spend(Till):
    def test_3_1_nearest_end_first(self):
        self.lot(100, '2026-12-31')
        self.lot(100, '2026-01-31')
        self.call('spend', 1, 'points', 80)
        self.assertEqual((self.balance('2026-01-16'), self.balance('2026-02-01')), (120, 100))

    def two_lots(self, **unit):
        self.start('2026-03-20 12:00', **unit)
        self.lot(100, '2026-04-01')
        self.lot(200, '2027-01-01')
        return self.call('spend', 1, 'points', 150)

    def test_3_2_return_after_the_end(self):
        n = self.two_lots()
        self.clock('2026-04-02')
        self.call('cancel', n)
        self.have(200, 0, 0)
        self.assertEqual(self.p.purse(1, 'points').expired(self.p.clock), 100)

    def test_3_2_return_grace(self):
        n = self.two_lots(return_grace='7 days')
        self.clock('2026-04-02')
        self.call('cancel', n)
        self.have(300, 0, 0)
        self.assertEqual((self.balance('2026-04-08 23:59'), self.balance('2026-04-09')), (300, 200))

    def test_extended_once(self):
        n = self.two_lots(return_grace='7 days')
        self.clock('2026-04-02')
        self.call('cancel', n)
        n = self.call('spend', 1, 'points', 100)
        self.clock('2026-04-08')
        self.call('cancel', n)
        self.have(300, 0, 0)
        self.assertEqual(self.balance('2026-04-09'), 200)

    def test_3_3_partial_return(self):
        n = self.two_lots()
        self.clock('2026-03-25')
        self.call('cancel', n, Fraction(60))
        self.have(210, 0, 0)
        self.assertEqual(self.balance('2026-04-01'), 200)
        self.call('cancel', n, Fraction(90))
        self.assertEqual(self.balance('2026-04-01'), 200)
        self.have(300, 0, 0)
        self.refused('55000', 'cancel', n)

    def test_3_4_refused(self):
        self.lot(100)
        self.call('spend', 1, 'points', 80)
        self.refused('LY001', 'spend', 1, 'points', 80)
        self.have(20, 0, 0)
        self.refused('LY002', 'spend', 7, 'points', 1)
        self.p.members[1].status = 'blocked'
        self.refused('LY003', 'spend', 1, 'points', 1)
        self.refused('22023', 'spend', 2, 'points', Fraction(1, 2))

    def test_2_2_refund_after_spending(self):
        self.start(rules=('1 per 1', 'x2'), max_per_event=150)
        self.order(1, 100)
        self.call('spend', 1, 'points', 140)
        self.update(1, total=Fraction(60))
        self.have(0, 0, 20)
        self.order(2, 25)
        self.have(30, 0, 0)

    def test_a_return_repays(self):
        self.order(1, 100)
        n = self.call('spend', 1, 'points', 100)
        self.update(1, total=Fraction(60))
        self.have(0, 0, 40)
        self.call('cancel', n)
        self.have(60, 0, 0)

    def test_spending_is_an_activity(self):
        self.start('2026-01-01', expires='30 days since last activity')
        self.order(1, 100)
        self.clock('2026-01-20')
        self.call('spend', 1, 'points', 10)
        self.assertEqual((self.balance('2026-02-18'), self.balance('2026-02-19')), (90, 0))
        n = self.call('hold', 1, 'points', 20, 60 * 24 * HOUR)
        self.clock('2026-02-20')
        self.have(0, 20, 0)         # nothing else touches them
        self.call('release', n)     # their own end has passed
        self.have(0, 0, 0)
        self.assertEqual(self.p.purse(1, 'points').expired(self.p.clock), 90)

    def test_activity_known_ahead(self):
        self.start('2026-01-01', expires='30 days since last activity')
        self.order(1, 100)
        self.order(2, 10, when='2026-02-10')
        self.assertEqual((self.balance('2026-02-09'), self.balance('2026-02-10')), (100, 110))

    def test_keys(self):
        self.lot(100)
        a = self.call('spend', 1, 'points', 30, key='k')
        b = self.call('spend', 1, 'points', 30, key='k')
        self.assertIs(self.p.calls[a], self.p.calls[b])
        self.have(70, 0, 0)
        self.refused('LY009', 'spend', 1, 'points', 31, key='k')
        self.refused('LY009', 'hold', 1, 'points', 30, 60, key='k')
        self.refused('LY001', 'spend', 1, 'points', 71, key='l')
        self.call('spend', 1, 'points', 70, key='l')     # a refused call stores nothing

    def test_3_7_transfer(self):
        self.start(transferable=True)
        self.lot(100, '2026-02-01')
        self.lot(50, '2026-03-01')
        self.p.adjust(2, 'points', Fraction(-20), allow_debt=True)
        self.call('transfer', 1, 2, 'points', 120)
        self.have(30, 0, 0)
        self.have(100, 0, 0, member=2)
        self.assertEqual((self.balance('2026-02-01'), self.balance('2026-02-01', member=2)), (30, 20))
        self.refused('LY001', 'transfer', 1, 2, 'points', 31)
        self.refused('22023', 'transfer', 1, 1, 'points', 1)
        self.refused('LY002', 'transfer', 1, 3, 'points', 1)
        self.start()
        self.lot(100)
        self.refused('LY010', 'transfer', 1, 2, 'points', 1)


class Holds(Till):
    def test_3_6_until_the_deadline(self):
        self.lot(100)
        self.call('hold', 1, 'points', 80, HOUR / 4)
        self.have(20, 80, 0)
        self.refused('LY001', 'hold', 1, 'points', 80, HOUR / 4)
        self.clock('2026-01-15 12:15')
        self.have(100, 0, 0)
        self.call('hold', 1, 'points', 80, HOUR / 4)
        self.have(20, 80, 0)
        self.assertEqual((self.balance('2026-01-15 12:29'), self.balance('2026-01-15 12:30')), (20, 100))
        self.assertEqual(self.balance('2026-01-15 12:14'), 20)
        self.assertEqual(self.balance('2026-01-15 12:20', '2026-01-15 12:01'), 100)

    def test_capture_past_the_lots_end(self):
        self.lot(100, '2026-01-15 13:00')
        n = self.call('hold', 1, 'points', 80, 2 * HOUR)
        self.clock('2026-01-15 13:30')
        self.have(0, 80, 0)
        self.assertEqual(self.p.purse(1, 'points').expired(self.p.clock), 20)
        self.call('capture', n, Fraction(50))
        self.have(0, 0, 0)
        self.assertEqual(self.p.purse(1, 'points').expired(self.p.clock), 50)
        self.refused('LY008', 'capture', n)
        self.refused('LY008', 'release', n)
        self.refused('55000', 'cancel', n, Fraction(51))
        self.call('cancel', n, Fraction(50))

    def test_lapse_past_the_lots_end(self):
        self.lot(100, '2026-01-15 13:00')
        self.call('hold', 1, 'points', 80, 2 * HOUR)
        self.clock('2026-01-15 14:00')
        self.have(0, 0, 0)
        self.assertEqual(self.p.purse(1, 'points').expired(self.p.clock), 100)

    def test_capture_later(self):
        self.lot(100)
        n = self.call('hold', 1, 'points', 80, HOUR)
        self.clock('2026-01-15 13:00')
        self.refused('LY008', 'release', n)
        other = self.call('spend', 1, 'points', 30)
        self.refused('LY001', 'capture', n)
        self.call('cancel', other)
        self.call('capture', n)
        self.have(20, 0, 0)

    def test_held_points_are_not_taken_by_a_refund(self):
        self.order(1, 100)
        n = self.call('hold', 1, 'points', 70, HOUR)
        self.update(1, total=Fraction(0))
        self.have(0, 70, 70)
        self.clock('2026-01-15 13:00')
        self.have(0, 0, 0)
        self.assertEqual(self.p.calls[n].status, 'held')


class Paid(Till):
    def test_3_8_earns_on_the_rest(self):
        self.lot(2000)
        self.order(1, 100, used=2000, paid=20)
        self.have(80, 0, 0)
        self.order(2, 100)
        with self.assertRaises(Refused) as r:
            self.order(3, 100, used=2000, paid=20)
        self.assertEqual(r.exception.sqlstate, 'LY001')
        self.assertNotIn((3,), self.p.tables['orders'])
        self.have(180, 0, 0)

    def test_3_9_taken_at_once(self):
        self.lot(2000)
        self.order(1, 100, used=2000, paid=20, status='pending')
        self.have(0, 0, 0)
        self.clock('2026-01-15 13:00')
        self.update(1, status='paid')
        self.have(80, 0, 0)

    def test_changes(self):
        self.lot(100, '2026-02-01')
        self.lot(100)
        self.order(1, used=150)
        self.have(50, 0, 0)
        self.update(1, used=Fraction(80))
        self.assertEqual((self.balance('2026-01-20'), self.balance('2026-02-01')), (120, 100))
        self.update(1, used=Fraction(200))
        self.have(0, 0, 0)
        with self.assertRaises(Refused):
            self.update(1, used=Fraction(201))
        self.assertEqual(self.p.tables['orders'][(1,)]['used'], 200)
        self.p.statement('orders', [('D', (1,))])
        self.have(200, 0, 0)

    def test_another_member_pays(self):
        self.lot(100)
        self.lot(60, member=2)
        self.order(1, used=50)
        self.update(1, customer_id=2)
        self.have(100, 0, 0)
        self.have(10, 0, 0, member=2)

    def test_statement_refused_in_the_middle(self):
        self.lot(100)
        rows = [{'id': i, 'customer_id': 1, 'total': Fraction(1), 'used': Fraction(60), 'paid': Fraction(0), 'status': 'paid',
                 'placed_at': self.p.clock} for i in (1, 2)]
        with self.assertRaises(Refused):
            self.p.statement('orders', [('I', r) for r in rows])
        self.assertEqual(self.p.tables['orders'], {})
        self.have(100, 0, 0)


class Rewards(Till):
    def setUp(self):
        super().setUp()
        self.lot(1000)
        self.lot(1000, member=2)
        self.p.rewards['mug'] = Reward('mug', {'standard': ('points', Fraction(100))}, stock=3, max_per_member=2,
                                       cap_period='month')

    def test_stock_and_limits(self):
        n = self.call('redeem', 1, 'mug', 2)
        self.have(800, 0, 0)
        self.refused('LY006', 'redeem', 1, 'mug')
        h = self.call('hold_reward', 2, 'mug')
        self.assertEqual(self.p.stock_left('mug'), 0)
        self.refused('LY005', 'redeem', 2, 'mug')
        self.clock('2026-01-15 12:15')          # lapses with no job
        self.assertEqual(self.p.stock_left('mug'), 1)
        self.call('redeem', 2, 'mug')
        self.refused('LY005', 'capture', h)     # too late
        self.call('cancel', n, quantity=1)
        self.have(900, 0, 0)
        self.call('capture', h)
        self.assertEqual(self.p.stock_left('mug'), 0)
        self.call('cancel', n)
        self.have(1000, 0, 0)
        self.clock('2026-02-01')
        self.call('redeem', 1, 'mug')

    def test_who_may(self):
        self.p.rewards['mug'].condition = ('attr', 'tier', 'vip')
        self.refused('LY007', 'redeem', 1, 'mug')
        self.p.members[1].attributes = {'tier': 'vip'}
        self.call('redeem', 1, 'mug')
        self.p.rewards['mug'].enabled = False
        self.refused('LY004', 'redeem', 1, 'mug')
        self.refused('LY004', 'redeem', 1, 'cup')

    def test_choice(self):
        self.p.choices['one'] = (1, 'ever')
        for name in ('cup', 'pen'):
            self.p.rewards[name] = Reward(name, {'standard': ('points', Fraction(10))}, choice_set='one')
        n = self.call('redeem', 1, 'cup')
        self.refused('LY006', 'redeem', 1, 'pen')
        self.call('cancel', n)
        self.call('redeem', 1, 'pen')

    def test_codes(self):
        self.p.pools['w'] = Pool('w', unit='points', value=Fraction(50))
        self.p.add_code('ABC', 'w')
        self.call('redeem_code', 'ABC', 1)
        self.have(1050, 0, 0)
        self.refused('LY012 row', 'redeem_code', 'ABC', 1)
        self.refused('LY011 row', 'redeem_code', 'ABD', 1)
        self.refused('LY012 row', 'redeem_code', 'ABC', 3)
        self.assertNotIn(3, self.p.members)     # by a code that is good
        self.p.add_code('ABE', 'w')
        self.call('redeem_code', 'ABE', 3)
        self.assertIn(3, self.p.members)


if __name__ == '__main__':
    unittest.main()
