"""
What is told beforehand, on the database beside the model: quotes, the
catalogue, what members can afford, previews of purchases that are paid with
points; and whether what then happens is what was told.
"""

import json

import expr
from clock import INF, NINF, naive, show, to_instant
from datetime import datetime
from fractions import Fraction


def moment(text):
    """An instant of a JSON object."""
    if text is None or text == 'infinity':
        return INF
    if text == '-infinity':
        return NINF
    x = datetime.fromisoformat(text.replace(' ', 'T', 1))
    return to_instant(x.replace(tzinfo=None), 'UTC') - (0 if x.utcoffset() is None else round(x.utcoffset().total_seconds() * 1000000))


class QuotesChecks:
    """Mixed into Run."""

    def told_quote(self, member, reward, quantity):
        """What the database says a redemption would cost, compared; price -> (points, remaining, sqlstate)."""
        m, out = self.model, {}
        sql = 'SELECT price, unit, points, money, available, remaining, missing, lots::text, possible, sqlstate FROM %s.quote(%s, %s, %d)' % (
            self.program, self.sql.lit(member, 'member'), expr.quote(reward), quantity)
        state = self.execute(sql)
        if member not in m.members:
            self.compare_state(sql, {'LY002'}, state)
            return out
        if quantity <= 0:
            self.compare_state(sql, {'22023'}, state)
            return out
        self.compare_state(sql, '', state)
        expected, wrong = m.quote(member, reward, quantity), []
        for price, *actual in self.db.fetchall():
            lots = None
            if actual[6] is not None:
                lots = {}
                for x in json.loads(actual[6], parse_float=Fraction, parse_int=Fraction):
                    k = (moment(x['active_from']), moment(x['expires_at']))
                    lots[k] = lots.get(k, 0) + x['points']
            x = expected.pop(price, None)
            if x is None:
                wrong.append('price %s: expected: no such price' % price)
                continue
            if x[:6] != tuple(actual[:6]):
                wrong.append('price %s (unit, points, money, available, remaining, missing): expected: %s; actual: %s' % (
                    price, show_values(x[:6]), show_values(actual[:6])))
            if x[6] != lots:
                wrong.append('price %s, lots: expected: %s; actual: %s' % (price, show_lots(x[6]), show_lots(lots)))
            if actual[7] != (not x[7]) or actual[8] is not None and actual[8] not in x[7]:
                wrong.append('price %s (possible, sqlstate): expected: %s, %s; actual: %s, %s' % (
                    price, not x[7], ' or '.join(sorted(x[7])), actual[7], actual[8]))
            self.seen.note('quote', actual[8])
            out[price] = (actual[1], actual[4], actual[8])
        if expected:
            wrong.append('expected: price %s, too' % sorted(expected))
        self.report('quote', ['statement: %s' % sql] + wrong if wrong else [])
        return out

    def as_quoted(self, sql, told, args, actual, rows):
        """Whether redeem() did what quote() said."""
        if args['price'] is not None and args['price'] in told and told[args['price']][2] != (actual or None):
            raise self.mismatch('quoted', ['statement: %s' % sql, 'quote() said: %s; actual: %s' % (told[args['price']][2] or 'it is possible', actual or 'it works')])
        if args['price'] is None and told and not actual and not any(
                x[2] is None and x[0] == rows[0][3] and x[1] == rows[0][4] for x in told.values()):
            raise self.mismatch('quoted', ['statement: %s' % sql, 'quote() said: %s; actual: %s' % (told, rows[0])])

    def check_quotes(self):
        """What is on offer, what members can afford, what some redemption would cost."""
        p, m, r, wrong = self.program, self.model, self.random, []
        if not self.spec.rewards:
            return
        found = {x[:2]: x[2:] for x in self.query('SELECT reward, price, unit, points, money, price_tiers, stock_left, open FROM %s.catalogue' % p)}
        self.compare_rows('catalogue', m.catalogue(), found)
        texts = {str(x): x for x in m.members}
        found = {x[:3]: x[3:] for x in self.query(
            'SELECT member_id::text, reward, price, unit, points, money, available, affordable, missing, next FROM %s.affordable' % p)}
        expected = {}
        for text, member in texts.items():
            for k, x in m.offers(member).items():
                expected[(text,) + k] = x
                self.seen.note('affordable', 'yes' if x[4] else 'next' if x[6] else 'no')
        self.compare_rows('affordable', expected, found)
        for _ in range(2):
            if m.members:
                self.told_quote(r.choice(list(m.members)), r.choice(self.spec.rewards)['name'], r.choice([1, 1, 2, 3]))
        if m.bonuses:
            found = {x[0]: x[1:] for x in self.query('SELECT bonus, value, status FROM %s.bonuses' % p)}
            for no, b in m.bonuses.items():
                value = b.claimed.points if b.claimed is not None else m.bonus_value(b, max(m.now(b.member), b.offered_at))
                self.seen.note('bonuses', m.bonus_status(b))
                if found.get(self.numbers['bonus', no]) != (value, m.bonus_status(b)):
                    wrong.append('bonuses, %s (value, status): expected: %s; actual: %s' % (
                        self.numbers['bonus', no], show_values((value, m.bonus_status(b))), found.get(self.numbers['bonus', no])))
            self.report('bonuses', wrong)

    def compare_rows(self, what, expected, found):
        wrong = []
        for k in sorted(set(expected) | set(found), key=str):
            if expected.get(k) != found.get(k):
                wrong.append('%s %s: expected: %s; actual: %s' % (what, k, show_values(expected.get(k)), show_values(found.get(k))))
        self.report(what, wrong)

    # -- previews

    def told_preview(self, name, changes):
        """What a preview says of a purchase that comes now: (points missing or None, {unit: points earned})."""
        m, source = self.model, self.spec.source(name)
        s = source['model']
        if len(changes) != 1 or changes[0][0] != 'I' or not s.get('spend') or s.get('event') or self.mode == 'c' and name not in m.attached:
            return None
        row = changes[0][1]
        key = m.event_key(m.sources[name], row)
        if m.events.get((name, key)) is not None and (m.events[name, key].known() or m.events[name, key].paid is not None):
            return None
        if any(x.reduces == name and m.reductions[x.name].get(key[0]) for x in m.sources.values()):
            return None             # a refund waits for it
        columns = {c: self.plain_value(v, source['columns'][c]) for c, v in row.items() if v is not None}
        sql = 'SELECT unit, rule, points, trimmed_by FROM %s.preview(%s, %s, false)' % (
            self.program, expr.quote(name), expr.quote(json.dumps(columns, ensure_ascii=False)))
        state = self.execute(sql)
        if state:
            return (sql, state, None, {})
        missing, earned = None, {}
        for unit, rule, points, trimmed in self.db.fetchall():
            if rule is None and points < 0:
                if trimmed is not None:
                    missing = trimmed
            elif points:
                earned[unit] = earned.get(unit, 0) + points
        return (sql, '', missing, earned)

    def as_previewed(self, told, name, changes, actual):
        """Whether the INSERT did what the preview said."""
        m = self.model
        sql, state, missing, earned = told
        self.seen.note('preview of a purchase paid with points', state or ('missing' if missing else 'ok'))
        if state or missing:
            if not actual:
                raise self.mismatch('previewed', ['statement: %s' % sql, 'said: %s; actual: it works' % (state or missing)])
            return
        if actual:
            raise self.mismatch('previewed', ['statement: %s' % sql, 'said: it works; actual: %s %s' % (actual, self.error)])
        key = m.event_key(m.sources[name], changes[0][1])
        posted = {}
        for (_, unit), n in m.posted(name, key).items():
            posted[unit] = posted.get(unit, 0) + n
        if posted != earned:
            raise self.mismatch('previewed', ['statement: %s' % sql, 'said: it earns %s; actual: %s' % (
                {k: str(v) for k, v in earned.items()}, {k: str(v) for k, v in posted.items()})])

    def plain_value(self, v, typ):
        """A value as JSON has it."""
        if typ in ('timestamptz',):
            return show(v)
        if typ == 'timestamp':
            return naive(v).isoformat(' ')
        if typ == 'date':
            return naive(v).date().isoformat()
        return str(v) if not isinstance(v, Fraction) else str(v.numerator) if v.denominator == 1 else '%.10f' % float(v)


def show_values(values):
    if values is None:
        return 'none'
    return '(%s)' % ', '.join('NULL' if v is None else str(float(v)) if isinstance(v, Fraction) else str(v) for v in values)


def show_lots(lots):
    return None if lots is None else ', '.join('[%s, %s) %s' % (show(a), show(b), float(n)) for (a, b), n in sorted(lots.items()))
