"""
Codes on the database beside the model: calls as SQL, and what is compared of
them: the row a call returns, its SQLSTATE, the state of every code, pool and
use, attempts that are left.
"""

from fractions import Fraction

import expr
from clock import show

ANSWER = 'ok, sqlstate, id, status, discount, points, balance, attempts_left, code'
ARGUMENTS = {'seconds': 'for_'}


class CodesSql:
    """Mixed into Sql."""

    def vouchers(self):
        p = self.program
        n, seconds = self.spec.attempts
        yield "UPDATE %s.program SET code_attempts = %s, code_window = '%d seconds'" % (p, 'NULL' if n is None else n, seconds)
        for x in self.spec.vouchers:
            columns = {k: v for k, v in x.items() if k != 'reserve_for'}
            if 'reserve_for' in x:
                columns['reserve_for'] = '%d seconds' % x['reserve_for']
            yield 'INSERT INTO %s.voucher_pool (%s) VALUES (%s)' % (
                p, ', '.join(columns), ', '.join(self.setting(v) for v in columns.values()))

    def edit_pool(self, op):
        return 'UPDATE %s.voucher_pool SET %s WHERE name = %s' % (
            self.program, ', '.join('%s = %s' % (k, self.setting(v)) for k, v in op[2].items()), expr.quote(op[1]))

    def code_text(self, model, name, no):
        """A code as somebody types it."""
        code = model.code_named(name)
        text = code.text if code is not None else name if isinstance(name, str) else 'NONESUCH'
        return [text, text.lower(), text.replace('-', ' '), ' '.join(text)][no % 4]

    def code_call_sql(self, model, op, numbers):
        _, no, name, args = op
        parts = []
        for k, v in args.items():
            if v is None or k in ('target', 'reservation'):
                continue
            if k == 'code':
                v = expr.quote(self.code_text(model, v, no))
            elif k == 'member':
                v = self.lit(v, 'member')
            elif k == 'codes':
                v = 'ARRAY[%s]' % ', '.join(expr.quote(x) for x in v)
            elif k == 'seconds':
                v = "'%d seconds'" % v
            elif k in ('valid_from', 'valid_until'):
                v = "'%s'" % show(v)
            else:
                v = self.setting(v)
            parts.append('%s => %s' % (ARGUMENTS.get(k, k), v))
        if args.get('target') is not None:
            parts.append('%s => %d' % ('reservation' if name == 'release_code' else 'id', numbers[args['target']]))
        if args.get('reservation') is not None:
            parts.append('reservation => %d' % numbers[args['reservation']])
        if name == 'void_code':
            parts.append("reason => 'model'")
        return 'SELECT %s FROM %s.%s(%s)' % ('id, codes' if name in ('generate_codes', 'import_codes') else ANSWER,
                                             self.program, name, ', '.join(parts))


class CodesChecks:
    """Mixed into Run."""

    def code_call(self, op):
        """A call about codes on both, compared."""
        m, p, (_, no, name, args) = self.model, self.program, op
        sql = self.sql.code_call_sql(m, op, self.numbers)
        known = args.get('key') in m.keys
        actual = self.execute(sql)
        rows = [] if actual else self.db.fetchall()
        makes = name in ('generate_codes', 'import_codes')
        if makes and rows:
            number, answer = rows[0][0], None
            if name == 'generate_codes':
                m.texts = [x for x, in self.query('SELECT code FROM %s.vouchers WHERE operation = %d ORDER BY code COLLATE "C"' % (p, number))]
        elif rows:
            answer = rows[0]
            number = answer[2]
            if not answer[0]:
                actual, self.error = answer[1] + ' row', 'as a row'
            elif name == 'give_code':
                m.texts = [answer[8]]
            elif name == 'void_code' and m.code_named(args['code']) is not None and m.code_named(args['code']).held(m.clock):
                m.texts_held = self.texts_held(self.numbers[m.code_named(args['code']).held_for])
        expected = self.modelled(op, sql, actual)
        self.compare_state(sql, expected, actual)
        self.seen.note(name, actual)
        if not makes and rows and 'member' in args and name != 'give_code':
            left = m.attempts_left(args['member'])
            if answer[7] != (left if left is None else max(left, 0)) and not known:
                self.differs(sql, 'attempts_left', [left], [answer[7]])
        if actual:
            return
        call = m.calls[no]
        if known:                   # the same row, and nothing else
            self.numbers[no] = self.numbers.get(call.no)
            if number != self.numbers[no] and name not in ('release_code', 'cancel_code', 'void_code'):
                self.differs(sql, 'id', [self.numbers[no]], [number])
            return
        self.numbers[no] = number
        if makes:
            if rows[0][1] != call.points:
                self.differs(sql, 'codes', [call.points], [rows[0][1]])
            return
        found = answer[4:6]
        if name == 'redeem_code':
            wanted = (m.uses[no].discount, m.uses[no].points)
        elif name == 'check_code':
            wanted = call.answer[1:]
        else:
            return
        if wanted != found:
            self.differs(sql, 'discount, points', wanted, found)

    def check_codes(self):
        """Every code, pool and use as it stands."""
        p, m, wrong = self.program, self.model, []
        if not m.pools:
            return
        found = {r[0]: r[1:] for r in self.query(
            'SELECT code, pool, state, member_id::text, uses, uses_left, balance, added, operation FROM %s.vouchers' % p)}
        for text, x in m.codes.items():
            left = None if x.pool.gives == 'balance' or x.pool.uses is None else 0 if x.voided else max(x.pool.uses - x.uses, 0)
            expected = (x.pool.name, m.code_state(x), None if x.member is None else str(x.member), x.uses, left,
                        *((None, None) if x.pool.gives != 'balance' else (0 if x.voided else x.balance(), x.added)))
            actual = found.pop(text, (None,))[:7]
            if expected != actual:
                wrong.append('vouchers, code %s (pool, state, member, uses, uses left, balance, added): expected: %s; actual: %s' % (
                    text, show_values(expected), show_values(actual)))
        if found:
            wrong.append('vouchers: expected: no more; actual: %s' % found)
        self.report('codes', wrong)
        states = ('free', 'given', 'active', 'reserved', 'held', 'used', 'expired', 'void')
        found = {r[0]: r[1:] for r in self.query('SELECT pool, codes, %s, uses, coalesce(balance, 0) FROM %s.pools' % (', '.join(states), p))}
        for name, pool in m.pools.items():
            codes = [x for x in m.codes.values() if x.pool is pool]
            expected = (len(codes),) + tuple(sum(1 for x in codes if m.code_state(x) == s) for s in states) + (
                sum(x.uses for x in codes), sum(x.balance() for x in codes if pool.gives == 'balance' and m.code_state(x) not in ('void', 'expired')))
            if expected != found.get(name):
                wrong.append('pools, %s (codes, %s, uses, balance): expected: %s; actual: %s' % (name, ', '.join(states), expected, found.get(name)))
        self.report('pools', wrong)
        if not m.uses:
            return
        found = {r[0]: r[1:] for r in self.query('SELECT id, code, status, member_id::text, discount, points, returned FROM %s.code_uses' % p)}
        for no, x in m.uses.items():
            did = x.state in ('redeemed', 'cancelled')
            expected = (x.code.text, x.status(m.clock), None if x.member is None else str(x.member), x.discount if did else None,
                        x.points if did else None, x.returned or None)
            actual = found.pop(self.numbers[no], (None,) * 6)
            actual = actual[:5] + (actual[5] or None,)
            if expected != actual:
                wrong.append('code_uses, %s (code, status, member, discount, points, returned): expected: %s; actual: %s' % (
                    self.numbers[no], show_values(expected), show_values(actual)))
        if found:
            wrong.append('code_uses: expected: no more; actual: %s' % found)
        self.report('uses', wrong)


def show_values(values):
    return '(%s)' % ', '.join('NULL' if v is None else str(float(v)) if isinstance(v, Fraction) else str(v) for v in values)
