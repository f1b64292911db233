"""
Tiers on the database beside the model: their configuration as SQL, and what is
compared of them: the tier at instants of the past and the future, as known at
others, and where members stand.
"""

import expr
from clock import DAY, HOUR, INF, NINF, SECOND, show
from generate_tiers import apply_tiers, tiers_possible


class TierSql:
    """Mixed into Sql."""

    def tiers(self):
        p = self.program
        for g, tiers in self.spec.groups:
            yield 'INSERT INTO %s.tier_group (%s) VALUES (%s)' % (p, ', '.join(g), ', '.join(self.setting(v) for v in g.values()))
            yield from (self.insert_tier(g['name'], x) for x in tiers)
            yield from ('INSERT INTO %s.tier_benefit (tier, name, uses, use_period) VALUES (%s)' % (p, ', '.join(self.setting(v) for v in x))
                        for x in self.spec.benefits if x[0] in [y['name'] for y in tiers])
            for x in tiers:
                for unit, n in x.get('more', {}).items():
                    yield 'INSERT INTO %s.tier_threshold (tier, unit, threshold) VALUES (%s)' % (
                        p, ', '.join(self.setting(v) for v in (x['name'], unit, n)))

    def insert_tier(self, group, x):
        columns = {'name': x['name'], 'tier_group': group, 'rank': x['rank'], 'threshold': x['threshold'],
                   'qualify': x.get('qualify', 'all'), 'life_years': x.get('life_years')}
        return 'INSERT INTO %s.tier (%s) VALUES (%s)' % (
            self.program, ', '.join(columns), ', '.join(self.setting(v) for v in columns.values()))

    def tier_operation(self, model, op, numbers):
        p, args = self.program, op[3]
        if op[1] == 'use':
            return 'SELECT id FROM %s.use_benefit(%s, %s%s)' % (p, self.lit(args['member'], 'member'), expr.quote(args['benefit']),
                                                                ', key => ' + expr.quote(args['key']) if args['key'] else '')
        if op[1] == 'unuse':
            return "SELECT id FROM %s.%s(%d, reason => 'model')" % (p, args['how'], numbers[args['no']])
        name = expr.quote(args['tier']) if args.get('tier') is not None else 'NULL'
        if op[1] == 'give':
            more = ", until => '%s'" % show(args['until']) if args['until'] is not None else ''
            return "SELECT tier FROM %s.set_tier(%s, %s, 'model', tier_group => %s%s)" % (
                p, self.lit(args['member'], 'member'), name, expr.quote(args['group']), more)
        if op[1] == 'threshold':
            if args['unit'] == model.groups[args['group']].settings['unit']:
                return 'UPDATE %s.tier SET threshold = %s WHERE name = %s' % (p, self.setting(args['value']), name)
            return 'UPDATE %s.tier_threshold SET threshold = %s WHERE tier = %s AND unit = %s' % (
                p, self.setting(args['value']), name, expr.quote(args['unit']))
        if op[1] == 'insert':
            return self.insert_tier(args['group'], {'name': args['tier'], 'rank': args['rank'], 'threshold': args['value']})
        if op[1] == 'years':
            return 'UPDATE %s.tier SET life_years = %s WHERE name = %s' % (p, self.setting(args['years']), name)
        if op[1] == 'delete':
            return 'DELETE FROM %s.tier WHERE name = %s' % (p, name)
        return 'UPDATE %s.tier_group SET %s WHERE name = %s' % (
            p, ', '.join('%s = %s' % (k, self.setting(v)) for k, v in args['set'].items()), expr.quote(args['group']))


class TierChecks:
    """Mixed into Run."""

    def tier_step(self, op):
        """One operation on both."""
        m = self.model
        if not tiers_possible(m, op):
            return
        for at, act in ((op[2], True), (op[2] + SECOND, False)):
            if at > m.clock and (act or op[-1] != 'now'):
                self.must("SELECT %s.set_clock('%s')" % (self.program, show(at)))
                m.set_clock(at)
            if act and tiers_possible(m, op):
                sql = self.sql.tier_operation(m, op, self.numbers)
                actual = self.execute(sql)
                rows = [] if actual else self.db.fetchall() if op[1] in ('use', 'unuse') else []
                self.compare_state(sql, apply_tiers(m, op), actual)
                if rows and op[1] == 'use':
                    self.number_use(sql, m.calls[op[3]['no']].no, op[3]['no'], rows[0][0])

    def number_use(self, sql, first, no, number):
        """A use that is made again by its key is the same."""
        if self.numbers.setdefault(first, number) != number:
            self.differs(sql, 'id', [self.numbers[first]], [number])
        self.numbers[no] = number

    def check_tiers(self):
        self.check_tier_at()
        self.check_remembered()
        if self.model.last_at:
            self.check_standing()
            self.check_benefits()
            self.check_history()

    def count_tiers(self):
        """What happened, when all is over."""
        for member in self.model.last_at if self.model.groups else ():
            for group in self.model.groups:
                w = self.model.walk(member, group, self.model.now(member))
                self.model.kinds.update(w.kinds())
        for kind, n in self.model.kinds.items():
            self.seen['of tiers', kind.replace(': ', '-').replace(' ', '-')] += n

    def ask(self, function, asked):
        """What the database says of many (arguments as SQL); those it was asked in that order."""
        rows = self.query('SELECT n, %s.%s(m, g, t, k) FROM (VALUES %s) AS v (n, m, g, t, k) ORDER BY n' % (
            self.program, function, ', '.join("(%d, %s, %s, '%s'::timestamptz, %s::timestamptz)" % (
                i, self.sql.typed(a[0], 'member'), expr.quote(a[1]), show(a[2]), 'NULL' if a[3] is None else "'%s'" % show(a[3]))
                for i, a in enumerate(asked))))
        return [x for _, x in rows]

    def check_tier_at(self):
        """At instants of the past and the future, as known now and before."""
        m, r, wrong = self.model, self.random, []
        now = m.clock
        asked = []
        for member in m.members:
            for group in m.groups:
                w = m.walk(member, group, max(now + 400 * DAY, m.now(member)))
                some = [x[0] for x in w.steps if NINF < x[0] < INF] + [x.over for x in w.stays]
                ats = [now, now + r.randint(1, 90) * DAY, now + r.randint(90, 800) * DAY, now - r.randint(1, 90) * DAY,
                       now - r.randint(1, 300) * HOUR]
                for x in r.sample(some, min(4, len(some))):
                    ats += [x - 1, x]
                asked += [(member, group, at, None) for at in ats]
                if r.random() < 0.4:
                    asked.append((member, group, r.choice(ats), now - r.randint(0, 60) * DAY))
        if not asked:
            return
        for (member, group, at, known), actual in zip(asked, self.ask('tier_at', asked)):
            expected = m.tier_at(member, group, at, known)
            if expected != actual:
                wrong.append(self.told('tier_at', member, group, at, known, expected, actual))
        if wrong:
            self.explain_tiers(wrong)
        self.report('tier_at', wrong)

    def told(self, function, member, what, at, known, expected, actual):
        return "%s(%s, '%s', '%s'%s), now %s: expected: %s; actual: %s" % (
            function, member, what, show(at), '' if known is None else ", known_at '%s'" % show(known), show(self.model.now(member)),
            expected, actual)

    def check_remembered(self):
        """What was answered before is the answer to what was known then; and more to remember."""
        m, r, wrong = self.model, self.random, []
        for function, what in (('tier_at', 'known before: tier_at'), ('balance', 'known before: balance')):
            asked = [x for x in self.answers if x[0] == function]
            asked = r.sample(asked, min(12, len(asked)))
            for x, actual in zip(asked, self.ask(function, [y[1:5] for y in asked]) if asked else ()):
                m.kinds[what] += 1
                if x[5] != actual:
                    wrong.append(self.told(*x, actual))
        if wrong:
            self.explain_tiers(wrong)
        self.report('known_at', wrong)
        self.remember()
        for member in m.members:
            now = m.now(member)
            if now > m.clock or member not in m.last_at:
                continue
            at = now + r.choice([0, r.randint(1, 60) * DAY, r.randint(-60 * 24, 0) * HOUR, r.randint(-100, 400) * DAY])
            for group in m.groups:
                self.fresh.append(('tier_at', member, group, at, now, m.tier_at(member, group, at)))
            unit = r.choice([u for u in m.units if not m.units[u].expires.since_activity] or [None])
            if unit and (member, unit) in m.purses:
                self.fresh.append(('balance', member, unit, at, now, m.shown(unit, m.balance(member, unit, at))))

    def remember(self):
        """What was answered holds for its instant if nothing more happens at it."""
        self.answers += [x for x in self.fresh if x[4] < self.model.clock]
        self.fresh = []

    def check_standing(self):
        m, wrong = self.model, []
        columns = ('tier', 'since', 'until', 'next_tier', 'points_to_next', 'projected', 'points_to_keep', 'stay_since', 'given', 'for_life')
        rows = self.query('SELECT member_id::text, tier_group, %s FROM %s.standing' % (', '.join(
            'extract(epoch FROM %s) * 1000000' % c if c in ('since', 'until', 'stay_since') else c for c in columns), self.program))
        found = {x[:2]: dict(zip(columns, x[2:])) for x in rows}
        for member in m.members:
            for group in m.groups:
                actual = found.get((str(member), group))
                if actual is None:
                    continue
                m.kinds['standing'] += 1
                for k, expected in m.standing(member, group).items():
                    value = self.moment(actual[k]) if k in ('since', 'until', 'stay_since') else actual[k]
                    if expected != value:
                        wrong.append('standing of %s in %s, %s, now %s: expected: %s; actual: %s' % (
                            member, group, k, show(m.now(member)), self.show_value(expected), self.show_value(value)))
        if wrong:
            self.explain_tiers(wrong)
        self.report('standing', wrong)

    @staticmethod
    def show_value(x):
        if isinstance(x, bool) or x is None or isinstance(x, str):
            return str(x)
        return show(x) if isinstance(x, int) and abs(x) > 10 ** 12 else str(float(x))

    def check_benefits(self):
        m, wrong = self.model, []
        if not m.benefits:
            return
        rows = self.query('SELECT member_id::text, tier, benefit, uses, used, extract(epoch FROM period_start) * 1000000, '
                          'extract(epoch FROM period_end) * 1000000 FROM %s.benefits' % self.program)
        found = {x[:3]: (x[3], x[4], self.moment(x[5]), self.moment(x[6])) for x in rows}
        expected = {}
        for member in m.members:
            for tier, benefit, uses, used, (since, until) in m.benefits_of(member):
                expected[str(member), tier, benefit] = (uses, used, None if since == NINF else since, None if until == INF else until)
        for k in sorted(set(found) | set(expected)):
            if found.get(k) != expected.get(k):
                wrong.append('benefits %s (uses, used, from, until): expected: %s; actual: %s' % (k, *(
                    x[k] and [self.show_value(y) for y in x[k]] if k in x else 'nothing' for x in (expected, found))))
        self.report('benefits', wrong)

    def check_history(self):
        """Every change, with its cause, as it is known now; what is not booked yet is not in it."""
        m, wrong = self.model, []
        rows = self.query('SELECT member_id::text, tier_group, tier, extract(epoch FROM occurred_at) * 1000000, '
                          'extract(epoch FROM until) * 1000000, cause FROM %s.tier_history ORDER BY change_no' % self.program)
        found = {}
        for text, group, tier, at, until, cause in rows:
            some = found.setdefault((text, group), [])
            some[:] = [x for x in some if x[0] < self.moment(at)] + [(self.moment(at), tier, self.moment(until), cause)]
        for member in m.members:
            for group in m.groups:
                if member not in m.last_at:
                    continue
                expected = self.history_of(m.walk(member, group, m.now(member)), m.last_at[member])
                actual = self.history_of(None, m.last_at[member], found.get((str(member), group), []))
                for at in sorted(set(expected) | set(actual)):
                    a, b = expected.get(at), actual.get(at)
                    late = a and b and b[2] == 'late row' and a[2] == 'entry' and ((member, at) in m.late or self.mode == 'c')
                    if a != b and not (late and a[:2] == b[:2]):
                        wrong.append('tier_history of %s in %s at %s (tier, until, cause): expected: %s; actual: %s' % (
                            member, group, show(at), *([self.show_value(y) for y in x] if x else 'nothing' for x in (a, b))))
        if wrong:
            self.explain_tiers(wrong)
        self.report('tier_history', wrong)

    @staticmethod
    def history_of(walk, upto, rows=None):
        """instant -> (tier, until, cause), where anything changes; until None: no longer than the balance."""
        out, last = {}, (None, None)
        if rows is None:
            rows = list({x[0]: x for x in walk.changes}.values())   # the last of an instant
        for at, tier, until, cause in rows:
            until = None if tier is None or until is None or until <= at else until
            if at <= upto and (tier, until) != last:
                out[at] = (tier, until, cause)
            last = (tier, until)
        return out

    def explain_tiers(self, wrong):
        """What the model knows of the first that is wrong."""
        m = self.model
        for member in m.members:
            for group in m.groups:
                if not any(x.startswith(("tier_at(%s, '%s'" % (member, group), 'standing of %s in %s' % (member, group), 'tier_history of %s in %s' % (member, group))) for x in wrong):
                    continue
                g = m.groups[group]
                w = m.walk(member, group, m.now(member) + 1500 * DAY)
                more = ['group %s: %s' % (group, g.settings)]
                for x in g.ladders:
                    more.append('  since %s, kept %s, %s, %s: %s' % (show(x.since), x.keep.text, x.keep_renewed.text, x.downgrade, ', '.join('%s rank %d%s %s %s' % (
                        t.name, t.rank, ' closed' if t.closed else '', t.qualify, {k: float(v) for k, v in t.needs.items()}) for t in x.tiers.values())))
                more += ['  held from %s: %s' % (show(a), b) for a, b in w.steps]
                more += ['  stay %s %s .. %s, %s' % (x.tier, show(x.at), show(x.over), x.cause) for x in w.stays]
                more += ['  booked %s %s .. %s' % (x.tier, show(x.at), show(x.until)) for x, _ in m.booked.get((member, group), ())]
                more += ['  given %s %s until %s' % (x.tier, show(x.at), show(x.until)) for x in m.gifts.get(member, ()) if x.group == group]
                if w.stay:
                    more.append('  stay %s since %s until %s' % (w.stay.tier, show(w.stay.at), show(w.stay.until) if w.stay.until is not None else 'balance'))
                more += ['  lot %s [%s, %s): %s' % (k[0], show(k[1]), show(k[2]), ', '.join('%s %s' % (show(a), float(n)) for a, n in v)) for k, v in w.lots.items()]
                more += ['  history %s' % (x,) for x in self.query(
                    "SELECT tier, occurred_at::text, since::text, until::text, cause, posted_at::text FROM %s.tier_history WHERE member_id::text = %s "
                    "AND tier_group = %s ORDER BY change_no" % (self.program, expr.quote(str(member)), expr.quote(group)))]
                wrong[12:] = []
                wrong[10:] = []
                wrong += more
                return
