#!/usr/bin/python3
"""
The model of what is told beforehand, of history paid with points, of cards and
of codes that are taken back, against examples of the README, without a database:

    test/model/test_more.py
"""

import os
import sys
import unittest
from fractions import Fraction

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from clock import at
from codes import Pool
from model import Refused, Unit
from rewards import Reward
from test_spending import Till


class History(Till):
    def load(self, *rows, **unit):
        self.start('2026-06-01 12:00', **unit)
        self.p.attached.discard('orders')
        for i, (when, total, used, status) in enumerate(rows):
            self.order(i + 1, total, used, status=status, when=when)
        self.p.backfill('orders')

    def test_as_far_as_it_was_there(self):
        self.load(('2026-01-02', 100, 0, 'paid'), ('2026-01-03', 50, 60, 'paid'), ('2026-05-02', 10, 1000, 'paid'), expires='3 months')
        self.have(10, 0, 0)                 # 40 and 50 had lapsed before the thousand were asked for
        self.assertEqual(self.p.purse(1, 'points').expired(self.p.clock), 90)
        self.p.statement('orders', [('D', (3,))])
        self.have(0, 0, 0)

    def test_a_row_that_does_not_earn_was_paid(self):
        self.load(('2026-01-02', 100, 0, 'paid'), ('2026-01-03', 50, 60, 'void'), expires='1 month')
        self.assertEqual((self.balance('2026-01-02'), self.balance('2026-01-03')), (100, 40))

    def test_what_was_not_there_does_not_come_back(self):
        self.load(('2026-01-02', 40, 0, 'paid'), ('2026-01-03', 10, 100, 'paid'))
        self.have(10, 0, 0)
        self.update(2, used=Fraction(50))
        self.have(10, 0, 0)
        self.update(2, used=Fraction(30))
        self.have(20, 0, 0)


class Limits(Till):
    def test_limits_of_the_source(self):
        self.start()
        self.lot(1000)
        s = self.p.sources['orders']
        self.p.units['points'].value = Fraction(1, 100)
        s.spend_min, s.spend_max, s.spend_max_share = Fraction(10), Fraction(500), Fraction(1, 2)
        for used, states in ((5, 'LY006'), (501, 'LY006'), (101, 'LY006'), (100, None)):
            with self.subTest(used):
                if states is None:
                    self.order(used, total=1, used=used)
                else:
                    with self.assertRaises(Refused) as r:
                        self.order(used, total=1, used=used)
                    self.assertIn(states, r.exception.states)
        self.have(901, 0, 0)


class Beforehand(Till):
    def setUp(self):
        self.start()
        self.lot(60, '2026-02-01')
        self.lot(40)
        self.p.rewards['mug'] = Reward('mug', {'standard': ('points', Fraction(70)), 'other': ('points', Fraction(30), Fraction(2))}, stock=2)

    def test_quote(self):
        q = self.p.quote(1, 'mug', 1)
        self.assertEqual(q['standard'][:6], ('points', 70, None, 100, 30, 0))
        self.assertEqual(sorted(q['standard'][6].values()), [10, 60])
        self.assertEqual(q['standard'][7], set())
        self.assertEqual(self.p.quote(1, 'mug', 2)['standard'][4:], (None, 40, None, {'LY001'}))
        self.assertEqual(self.p.quote(1, 'mug', 3)['other'][7], {'LY005'})
        self.have(100, 0, 0)

    def test_offers(self):
        self.assertEqual(self.p.offers(1)['mug', 'standard'][4:], (True, 0, False))
        self.assertEqual(self.p.offers(2)['mug', 'standard'][4:], (False, 70, False))
        self.assertEqual(self.p.offers(2)['mug', 'other'][4:], (False, 30, True))
        self.call('redeem', 1, 'mug')
        self.assertEqual(self.p.catalogue()['mug', 'other'], ('points', 30, 2, None, 1, True))
        self.call('redeem', 1, 'mug', price='other')
        self.assertEqual(self.p.offers(1), {})


class Cards(Till):
    def setUp(self):
        self.start()
        self.p.add_unit(Unit('prepaid', decimals=2, value=1))
        self.p.pools['card'] = Pool('card', gives='balance', value=Fraction(50), expires='30 days')
        self.p.add_code('CARD', 'card')

    def balance_of(self):
        return self.p.codes['CARD'].balance()

    def test_top_up_and_deposit(self):
        n = self.call('top_up_code', 'CARD', Fraction(25))
        self.assertEqual((self.balance_of(), self.p.codes['CARD'].ends()), (75, at('2026-02-14 12:00')))
        m = self.call('deposit_code', 'CARD', 1, Fraction(60))
        self.assertEqual((self.balance_of(), self.p.state(1, 'prepaid')[0]), (15, 60))
        self.refused('LY001', 'cancel_code', n)
        self.call('cancel_code', n, Fraction(15))
        self.assertEqual(self.balance_of(), 0)
        self.refused('22023', 'cancel_code', m, Fraction(10))
        self.call('cancel_code', m)
        self.assertEqual((self.balance_of(), self.p.state(1, 'prepaid')[0]), (60, 0))

    def test_refused(self):
        self.refused('LY010', 'deposit_code', 'CARD', 1, unit='points')
        self.refused('LY001 row', 'deposit_code', 'CARD', 1, Fraction(51))
        self.refused('LY011 row', 'top_up_code', 'NONE', Fraction(5))
        self.clock('2026-03-01')
        self.call('top_up_code', 'CARD', Fraction(5))
        self.clock('2026-04-01')
        self.refused('LY013 row', 'top_up_code', 'CARD', Fraction(5))


class Codes(Till):
    def setUp(self):
        self.start()
        self.lot(100)
        self.p.pools['w'] = Pool('w', gives='product', product='MUG')
        for x in 'ABCDE':
            self.p.add_code(x, 'w')
        self.p.rewards['mug'] = Reward('mug', {'standard': ('points', Fraction(10))}, pool='w')

    def states(self):
        return ''.join(self.p.code_state(x)[0] for x in self.p.codes.values())

    def test_the_last_drawn_first(self):
        n = self.call('redeem', 1, 'mug', 4)
        self.call('redeem_code', 'D', 1)
        self.call('void_code', 'A')
        self.call('cancel', n, quantity=2)
        self.assertEqual((self.states(), self.p.calls[n].told), ('vgvuf', ['C']))
        self.have(80, 0, 0)
        self.refused('LY012', 'cancel', n, quantity=2)
        self.call('reserve_code', 'B', 1)
        self.refused('LY014', 'cancel', n, quantity=1)

    def test_void_code_that_is_set_aside(self):
        n = self.call('hold_reward', 1, 'mug', 4)
        self.call('void_code', 'A')
        self.assertEqual(self.states(), 'vhhhh')
        self.refused('LY014', 'void_code', 'B')
        self.call('capture', n)
        self.assertEqual(self.states(), 'vgggg')


if __name__ == '__main__':
    unittest.main()
