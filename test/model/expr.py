"""
Expressions that exist twice: as SQL text for the database and as a value for
the model.  An expression is a nested tuple, so that a generated program is
plain data that can be printed and shrunk.

    ('col', 'total')  ('lit', '2.5')  ('str', 'food')  ('member', 'purchases')
    ('+'|'-'|'*', a, b)  ('='|'<>'|'<'|'<='|'>'|'>=', a, b)
    ('and'|'or', a, b)  ('not', a)  ('in', a, ['x', 'y'])  ('isnull', a)
    ('inverse', a)            1 / a over integers: fails when a is 0
    ('attr', 'key', 'value')  member.attributes ->> 'key' = 'value'
    ('early', a, n)           n seconds where a holds, else NULL
    ('tier_of', 'group')      member.tiers ->> 'group'

NULL is None and follows SQL's three-valued logic.
"""

from fractions import Fraction


class EvalError(Exception):
    """The expression fails for this row (what the server calls an error)."""


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def sql(x):
    """The expression as SQL."""
    op = x[0]
    if op == 'col':
        return x[1]
    if op == 'lit':
        return x[1]
    if op == 'str':
        return quote(x[1])
    if op == 'member':
        return 'member.' + x[1]
    if op == 'attr':
        return "(member.attributes ->> %s = %s)" % (quote(x[1]), quote(x[2]))
    if op == 'early':
        return "CASE WHEN %s THEN interval '%d seconds' END" % (sql(x[1]), x[2])
    if op == 'tier_of':
        return '(member.tiers ->> %s)' % quote(x[1])
    if op == 'not':
        return '(NOT %s)' % sql(x[1])
    if op == 'in':
        return '(%s IN (%s))' % (sql(x[1]), ', '.join(quote(v) for v in x[2]))
    if op == 'isnull':
        return '(%s IS NULL)' % sql(x[1])
    if op == 'inverse':
        return '(1 / %s)' % sql(x[1])
    if op in ('and', 'or'):
        return '(%s %s %s)' % (sql(x[1]), op.upper(), sql(x[2]))
    return '(%s %s %s)' % (sql(x[1]), op, sql(x[2]))


def value(x, row, facts):
    """The expression's value for a row and the member's facts."""
    op = x[0]
    if op == 'col':
        v = row[x[1]]
        if isinstance(v, (str, bool)) or v is None:
            return v
        return Fraction(v)
    if op == 'lit':
        return {'true': True, 'false': False, 'NULL': None}[x[1]] if x[1] in ('true', 'false', 'NULL') \
            else Fraction(x[1])
    if op == 'str':
        return x[1]
    if op == 'member':
        return facts[x[1]]
    if op == 'early':
        return x[2] if value(x[1], row, facts) is True else None
    if op == 'attr':
        v = facts['attributes'].get(x[1])
        return None if v is None else v == x[2]
    if op == 'tier_of':
        return facts['tiers'].get(x[1])
    if op == 'and':
        a = value(x[1], row, facts)
        if a is False:
            return False
        b = value(x[2], row, facts)
        if b is False:
            return False
        return None if a is None or b is None else True
    if op == 'or':
        a = value(x[1], row, facts)
        if a is True:
            return True
        b = value(x[2], row, facts)
        if b is True:
            return True
        return None if a is None or b is None else False
    a = value(x[1], row, facts)
    if op == 'isnull':
        return a is None
    if a is None:
        if len(x) > 2 and op != 'in':
            value(x[2], row, facts)     # the other side may still fail
        return None
    if op == 'not':
        return not a
    if op == 'in':
        return a in x[2]
    if op == 'inverse':
        if a == 0:
            raise EvalError('division by zero')
        return Fraction(int(1 / Fraction(a)))
    b = value(x[2], row, facts)
    if b is None:
        return None
    if op == '+':
        return a + b
    if op == '-':
        return a - b
    if op == '*':
        return a * b
    if op == '=':
        return a == b
    if op == '<>':
        return a != b
    if op == '<':
        return a < b
    if op == '<=':
        return a <= b
    if op == '>':
        return a > b
    if op == '>=':
        return a >= b
    raise AssertionError(x)


def columns(x):
    """The columns of the row that an expression reads."""
    if x is None:
        return set()
    if x[0] == 'col':
        return {x[1]}
    return set().union(*(columns(y) for y in x[1:] if isinstance(y, tuple)))
