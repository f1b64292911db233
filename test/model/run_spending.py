"""
Spending on the database beside the model: calls as SQL, and what is compared
of them: the row a call returns, its SQLSTATE, holds, redemptions, stock left.
"""

from collections import Counter
from fractions import Fraction

import expr
from clock import show
from generate_codes import CODE_CALLS
from generate_spending import MAKERS, apply_spending, callable_now

RESULT = 'id, status, unit, points, available, pending, held, debt, code'
FUNCTIONS = {'adjusted': 'adjust'}      # what the database calls them


class SpendingSql:
    """Mixed into Sql."""

    def rewards(self):
        s, p = self.spec, self.program
        for name, (choose, period) in s.choices.items():
            yield "INSERT INTO %s.choice_set (name, choose, cap_period) VALUES (%s, %d, '%s')" % (
                p, expr.quote(name), choose, period)
        for x in s.rewards:
            columns = {k: v for k, v in x.items() if k not in ('prices', 'hold_for')}
            if 'hold_for' in x:
                columns['hold_for'] = '%d seconds' % x['hold_for']
            yield 'INSERT INTO %s.reward (%s) VALUES (%s)' % (
                p, ', '.join(columns), ', '.join(self.setting(v) for v in columns.values()))
            for name, price in x['prices'].items():
                unit, points, money, tiers = (price + (None, None))[:4]
                yield 'INSERT INTO %s.reward_price (reward, name, unit, points, money, tiers) VALUES (%s)' % (
                    p, ', '.join(self.setting(v) for v in (x['name'], name, unit, points, money, tiers)))
        for x in s.pools:
            columns = dict({k: v for k, v in x.items() if k != 'points'}, gives='points', value=x['points'])
            yield 'INSERT INTO %s.voucher_pool (%s) VALUES (%s)' % (
                p, ', '.join(columns), ', '.join(self.setting(v) for v in columns.values()))
            yield "SELECT %s.import_codes(%s, ARRAY[%s])" % (
                p, expr.quote(x['name']), ', '.join(expr.quote(c) for c, name in s.codes if name == x['name']))

    def call(self, op, numbers):
        """A call as SQL; numbers: what the database calls the calls."""
        _, _, name, args = op
        more = []
        if name in ('spend', 'hold'):
            first = [self.lit(args['member'], 'member'), self.setting(args['points'])]
        elif name == 'transfer':
            first = [self.lit(args['sender'], 'member'), self.lit(args['receiver'], 'member'), self.setting(args['points'])]
        elif name in ('redeem', 'hold_reward'):
            first = [self.lit(args['member'], 'member'), expr.quote(args['reward'])]
        elif name == 'adjusted':
            first = [self.lit(args['member'], 'member'), self.setting(args['points'])]
            more.append(('reason', "'model'"))
            if args.get('expires_at') is not None:
                more.append(('expires_at', "'%s'" % show(args['expires_at'])))
            if args.get('allow_debt'):
                more.append(('allow_debt', 'true'))
        elif name == 'claim':
            first = [str(numbers['bonus', args['bonus']])]
        else:
            first = [str(numbers[args['target']])]
            if args.get('points') is not None:
                more.append(('points', self.setting(args['points'])))
        for k in ('unit', 'quantity', 'price', 'key'):
            if args.get(k) is not None:
                more.append((k, self.setting(args[k])))
        if args.get('seconds') is not None:
            more.append(('for_', "'%d seconds'" % args['seconds']))
        if name in ('cancel', 'reverse'):
            more.append(('reason', "'model'"))
        return 'SELECT %s FROM %s.%s(%s)' % (RESULT, self.program, FUNCTIONS.get(name, name),
                                             ', '.join(first + ['%s => %s' % x for x in more]))

    def edit_reward(self, op):
        return 'UPDATE %s.reward SET %s WHERE name = %s' % (
            self.program, ', '.join('%s = %s' % (k, self.setting(v)) for k, v in op[2].items()), expr.quote(op[1]))


    def insert_bonus(self, op):
        x = op[2]
        return 'INSERT INTO %s.bonus (%s, reason) VALUES (%s, %s) RETURNING bonus_no' % (
            self.program, ', '.join('member_id' if k == 'member' else k for k, v in x.items() if v is not None), ', '.join(
                self.lit(v, 'member') if k == 'member' else "'%s'" % show(v) if k.endswith('_at') else self.setting(v)
                for k, v in x.items() if v is not None), "'model'")


class SpendingChecks:
    """Mixed into Run."""

    def spending(self, op):
        """One operation on both, compared."""
        m = self.model
        if not callable_now(m, op):
            return
        if op[0] == 'reward':
            self.must(self.sql.edit_reward(op))
            apply_spending(m, op)
            return
        if op[0] in ('pool', 'bonus'):
            self.must(self.sql.edit_pool(op) if op[0] == 'pool' else self.sql.insert_bonus(op))
            if op[0] == 'bonus':
                self.numbers['bonus', op[1]] = self.db.fetchall()[0][0]
            apply_spending(m, op)
            return
        if op[2] in CODE_CALLS:
            self.code_call(op)
            return
        self.number_autos()
        sql = self.sql.call(op, self.numbers)
        known = op[3].get('key') in m.keys or op[2] == 'claim' and m.bonuses[op[3]['bonus']].claimed is not None
        told = self.told_quote(op[3]['member'], op[3]['reward'], op[3]['quantity']) if op[2] == 'redeem' and not known else None
        actual = self.execute(sql)
        rows = [] if actual else self.db.fetchall()
        m.texts = rows[0][8].split(', ') if rows and rows[0][8] else None
        m.texts_held = self.texts_held(rows[0][0]) if rows and op[2] == 'hold_reward' else None
        expected = self.modelled(op, sql, actual)
        self.compare_state(sql, expected, actual)
        self.note_call(op, actual, known)
        if op[2] == 'redeem' and not known:
            self.as_quoted(sql, told, op[3], actual, rows)
        if actual:
            return
        call = m.calls[op[1]]
        number, status, unit, points = rows[0][:4]
        if op[2] in ('cancel', 'reverse') and not known:
            ended = ', '.join(m.calls[op[3]['target']].told) or None
            if rows[0][8] != ended:
                self.differs(sql, 'code', [ended], [rows[0][8]])
        if known:                   # the same row, and nothing else: balances show whether anything moved
            if op[2] in MAKERS and number != self.numbers[call.no]:
                self.differs(sql, 'id', [self.numbers[call.no]], [number])
            self.numbers[op[1]] = self.numbers.get(call.no)
            return
        self.numbers[op[1]] = number if op[2] in MAKERS or op[2] in ('transfer', 'adjusted', 'claim', 'reverse') else self.numbers[call.no]
        wanted = {'cancel': op[3].get('points'), 'capture': op[3].get('points')}.get(op[2], call.points)
        if wanted is not None and points != wanted:
            self.differs(sql, 'points', [wanted], [points])
        exact, pending, debt = m.state(call.member, call.unit)
        expected = (call.unit, m.shown(call.unit, exact), pending, m.held(call.member, call.unit), debt)
        actual = (unit,) + rows[0][4:8]
        if m.units[call.unit].rounding == 'carry':
            expected, actual = expected[:2], actual[:2]
        if expected != actual:
            self.differs(sql, 'unit, available, pending, held, debt', expected, actual)

    def texts_held(self, number):
        """The codes that are set aside for a hold."""
        return [x for x, in self.query(
            "SELECT code FROM %s.vouchers WHERE redemption = %d AND state = 'held' ORDER BY code" % (self.program, number))]

    # -- what happened, to be counted

    def note_call(self, op, actual, known):
        """A call, and what it did to codes."""
        kind, m = op[2], self.model
        self.seen.note(kind, actual)
        if known and not actual:
            self.seen.note('call repeated by its key', actual)
        target = m.calls.get(op[3].get('target'))
        if target is not None and target.reward and m.rewards[target.reward].pool is not None and kind in ('capture', 'release', 'cancel'):
            part = op[3].get('quantity') is not None or op[3].get('points') is not None
            self.seen.note('%s of a reward with codes%s' % (kind, ', in part' if part else ''), actual)
        if kind == 'capture' and target is not None and not actual and target.hold.closed is not None and target.counted_at >= target.hold.deadline:
            self.seen.note('capture after the deadline%s' % (' of a reward with codes' if target.codes else ''))

    def note_statement(self, name, changes, actual, expected):
        """Changes of rows; of purchases paid with points apart."""
        words = {'I': 'insert', 'U': 'update', 'D': 'delete'}
        spend = self.spec.source(name)['model'].get('spend')
        for c in changes:
            self.seen.note(words[c[0]], actual)
            if spend and (c[0] == 'D' or 'used' in (c[1] if c[0] == 'I' else c[2])):
                self.seen.note('%s of a purchase paid with points' % words[c[0]], actual)

    def note_backfill(self, name):
        """How far purchases of history were paid."""
        for (source, _), e in self.model.events.items():
            if source == name and e.paid is not None:
                self.seen.note('backfill of a purchase paid with points', 'ok' if not e.paid.absent else 'in part' if e.paid.spent else 'nothing')

    def note_ends(self):
        """What came by itself."""
        m = self.model
        for x in m.calls.values():
            if x.kind == 'auto_redeem':
                self.seen.note('automatic reward')
            if x.status == 'held' and x.hold.deadline <= m.now(x.member):
                self.seen.note('hold that lapsed' if not x.reward else 'hold of a reward with codes that lapsed'
                               if m.rewards[x.reward].pool is not None else 'hold of a reward that lapsed')
        for x in m.donations():
            self.seen.note('donations of a month')

    def modelled(self, op, sql, told=''):
        """An operation on the model, and what it expects; assertions of the model are differences, too."""
        try:
            return apply_spending(self.model, op, told)
        except AssertionError as e:
            raise self.mismatch('call', ['statement: %s' % sql, str(e)])
        finally:
            self.model.texts = self.model.texts_held = None

    def number_autos(self):
        """Which operations are the rewards that members got by themselves."""
        if not self.spec.rewards:
            return
        m, seen = self.model, Counter()
        texts = {str(x): x for x in m.members}
        for number, text in self.query('SELECT id, member_id::text FROM %s.redemptions WHERE automatic ORDER BY id' % self.program):
            member = texts.get(text, text)
            self.numbers['auto', member, seen[member]] = number
            seen[member] += 1
        return seen

    def got_more(self):
        """Members whom book_due() has given rewards that the model does not know of yet."""
        seen = self.number_autos() or {}
        return [x for x, n in seen.items() if n > len(self.model.automatic_of(x))]

    def differs(self, sql, what, expected, actual):
        raise self.mismatch('call', ['statement: %s' % sql, '%s: expected: %s; actual: %s' % (what, row(expected), row(actual))])

    def check_spending(self, texts, units):
        """Holds, redemptions and stock as they stand."""
        p, m, wrong = self.program, self.model, []
        self.number_autos()
        if not self.numbers:
            return
        rows = self.query('SELECT member_id::text, unit, held, spent FROM %s.balances' % p)
        found = {r[:2]: r[2:] for r in rows}
        for text, member in texts.items():
            for unit in units:
                expected = (m.held(member, unit), m.spent.get((member, unit), 0) if self.spent_is_known() else None)
                actual = found.get((text, unit), (0, 0))
                if not self.spent_is_known():
                    actual = (actual[0], None)
                if expected != actual:
                    wrong.append('balances of %s, %s (held, spent): expected: %s; actual: %s' % (
                        text, unit, row(expected), row(actual)))
        self.report('held', wrong)
        calls = {self.numbers[x.no]: x for x in m.calls.values() if x.no in self.numbers}
        rows = self.query('SELECT hold_no, status, captured, returned, deadline::text FROM %s.hold' % p)
        found = {r[0]: r[1:] for r in rows}
        for n, x in calls.items():
            if x.hold is None:
                continue
            status = x.status if x.status != 'reversed' else 'released'
            if x.returned > 0:
                status = 'cancelled' if x.left() == 0 else 'partly cancelled'
            elif status == 'held' and x.hold.deadline <= m.now(x.member):
                status = 'lapsed'
            expected = (status, x.spent, x.returned)
            actual = found.pop(n, (None,) * 4)[:3]
            if expected != actual:
                wrong.append('hold %d (status, captured, returned): expected: %s; actual: %s' % (n, row(expected), row(actual)))
        if found:
            wrong.append('hold: expected: no more; actual: %s' % found)
        self.report('holds', wrong)
        if not self.spec.rewards:
            return
        rows = self.query('SELECT id, quantity - cancelled, reward, price, unit, points, money, redeemed_at::text '
                          'FROM %s.redemptions' % p)
        found = {r[0]: r[1:] for r in rows}
        for n, x in calls.items():
            if x.reward:
                left = 0 if x.status == 'released' or x.status == 'reversed' else x.quantity - x.cancelled
                expected = (left, x.reward, x.price_name, x.unit, left * x.price, None if x.money is None else left * x.money)
                actual = found.pop(n, (None,))[:6]
                if expected != actual:
                    wrong.append('redemption %d (pieces, reward, price, unit, points, money): expected: %s; actual: %s' % (
                        n, row(expected), row(actual)))
        if found:
            wrong.append('redemption: expected: no more; actual: %s' % found)
        self.report('redemptions', wrong)
        for name, left in self.query('SELECT DISTINCT reward, stock_left FROM %s.catalogue' % p):
            if name in m.rewards and m.stock_left(name) != left:
                wrong.append('stock left of %s: expected: %s; actual: %s' % (name, m.stock_left(name), left))
        self.report('stock', wrong)
        found = {(cause, '%d-%d' % (month.year, month.month), unit): tuple(rest) for cause, month, unit, *rest in self.query(
            'SELECT cause, month, unit, donations, members, points, value FROM %s.donations' % p)}
        expected = m.donations()
        for k in set(found) | set(expected):
            if found.get(k) != expected.get(k):
                wrong.append('donations %s (times, members, points, value): expected: %s; actual: %s' % (
                    k, expected.get(k), found.get(k)))
        self.report('donations', wrong)

    def spent_is_known(self):
        """Whether every spending of the program is one the model counts as balances does."""
        return True


def row(values):
    return '(%s)' % ', '.join('NULL' if v is None else str(float(v)) if isinstance(v, Fraction) and v.denominator > 1 else str(v)
                              for v in values)
