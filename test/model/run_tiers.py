"""
Tiers on the database beside the model: their configuration as SQL, and what is
compared of them: the tier at instants of the past and the future, as known at
others, and where members stand.
"""

import expr
from clock import DAY, HOUR, INF, NINF, show
from generate_tiers import apply_tiers, changed


class TierSql:
    """Mixed into Sql."""

    def tiers(self):
        p = self.program
        for g, tiers in self.spec.groups:
            yield 'INSERT INTO %s.tier_group (%s) VALUES (%s)' % (p, ', '.join(g), ', '.join(self.setting(v) for v in g.values()))
            yield from (self.insert_tier(g['name'], x) for x in tiers)
            for x in tiers:
                for unit, n in x.get('more', {}).items():
                    yield 'INSERT INTO %s.tier_threshold (tier, unit, threshold) VALUES (%s)' % (
                        p, ', '.join(self.setting(v) for v in (x['name'], unit, n)))

    def insert_tier(self, group, x):
        columns = {'name': x['name'], 'tier_group': group, 'rank': x['rank'], 'threshold': x['threshold'],
                   'qualify': x.get('qualify', 'all')}
        return 'INSERT INTO %s.tier (%s) VALUES (%s)' % (
            self.program, ', '.join(columns), ', '.join(self.setting(v) for v in columns.values()))

    def tier_operation(self, model, op):
        p, args = self.program, op[3]
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
        if op[1] == 'delete':
            return 'DELETE FROM %s.tier WHERE name = %s' % (p, name)
        return 'UPDATE %s.tier_group SET %s WHERE name = %s' % (
            p, ', '.join('%s = %s' % (k, self.setting(v)) for k, v in args['set'].items()), expr.quote(args['group']))


class TierChecks:
    """Mixed into Run."""

    def tier_step(self, op):
        """One operation on both."""
        m = self.model
        if changed(m, op[1], op[3]) is None:
            return
        for at, act in ((op[2], True), (op[2] + 1000000, False)):
            if at > m.clock:
                self.must("SELECT %s.set_clock('%s')" % (self.program, show(at)))
                m.set_clock(at)
            if act and changed(m, op[1], op[3]) is not None:
                self.must(self.sql.tier_operation(m, op))
                apply_tiers(m, op)

    def check_tiers(self):
        m, p, r, wrong = self.model, self.program, self.random, []
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
        rows = self.query('SELECT n, %s.tier_at(m, g, t, k) FROM (VALUES %s) AS v (n, m, g, t, k) ORDER BY n' % (
            p, ', '.join("(%d, %s, %s, '%s'::timestamptz, %s::timestamptz)" % (
                i, self.sql.typed(a[0], 'member'), expr.quote(a[1]), show(a[2]), 'NULL' if a[3] is None else "'%s'" % show(a[3]))
                for i, a in enumerate(asked))))
        for (member, group, at, known), (_, actual) in zip(asked, rows):
            expected = m.tier_at(member, group, at, known)
            if expected != actual:
                wrong.append("tier_at(%s, '%s', '%s'%s), now %s: expected: %s; actual: %s" % (
                    member, group, show(at), '' if known is None else ", known_at '%s'" % show(known), show(m.now(member)),
                    expected, actual))
        if wrong:
            self.explain_tiers(wrong)
        self.report('tier_at', wrong)
        if not m.last_at:
            return
        rows = self.query('SELECT member_id::text, tier_group, tier, extract(epoch FROM since) * 1000000, extract(epoch FROM until) * 1000000, '
                          'next_tier, points_to_next, projected, points_to_keep FROM %s.standing' % p)
        found = {r[:2]: (r[2], self.moment(r[3]), self.moment(r[4])) + r[5:] for r in rows}
        for member in m.members:
            for group in m.groups:
                actual = found.get((str(member), group))
                if actual is None:
                    continue
                expected = m.standing(member, group)
                if expected[0] is None and actual[0] is None:
                    expected, actual = expected[3:5], actual[3:5]
                for i, x in enumerate(expected):
                    if x != actual[i] and x is not None:
                        wrong.append('standing of %s in %s (%d), now %s: expected: %s; actual: %s' % (
                            member, group, i, show(m.now(member)), self.show_standing(expected), self.show_standing(actual)))
                        break
        if wrong:
            self.explain_tiers(wrong)
        self.report('standing', wrong)

    def explain_tiers(self, wrong):
        """What the model knows of the first that is wrong."""
        m = self.model
        for member in m.members:
            for group in m.groups:
                if not any(x.startswith(("tier_at(%s, '%s'" % (member, group), 'standing of %s in %s' % (member, group))) for x in wrong):
                    continue
                g = m.groups[group]
                w = m.walk(member, group, m.now(member) + 400 * DAY)
                more = ['group %s: %s' % (group, g.settings)]
                for x in g.ladders:
                    more.append('  since %s: %s' % (show(x.since), ', '.join('%s rank %d%s %s %s' % (
                        t.name, t.rank, ' closed' if t.closed else '', t.qualify, {k: float(v) for k, v in t.needs.items()}) for t in x.tiers.values())))
                more += ['  held from %s: %s' % (show(a), b) for a, b in w.steps]
                more += ['  stay %s %s .. %s' % (x.tier, show(x.at), show(x.over)) for x in w.stays]
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

    @staticmethod
    def show_standing(x):
        return '(%s)' % ', '.join(show(v) if isinstance(v, int) and abs(v) > 10 ** 12 else str(v) if v is None or isinstance(v, str) else str(float(v)) for v in x)
