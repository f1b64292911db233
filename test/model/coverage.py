"""
What a run did: how often each kind of operation happened, and with what
outcome ('ok' or the SQLSTATE it was refused with), so that what never happens
is seen.  Kinds are the functions that members and applications call, changes
of rows, and what becomes of some of them.
"""

from collections import Counter

# What the default programs must do at least once, or the test has a hole.
NEEDED = {
    'insert': 'ok, LY001, LY002', 'update': 'ok', 'delete': 'ok', 'adjust': 'ok, LY001', 'retry': 'ok', 'reconcile': 'ok', 'book_due': 'ok',
    'insert of a purchase paid with points': 'ok, LY001, LY003, LY006', 'update of a purchase paid with points': 'ok, LY001',
    'delete of a purchase paid with points': 'ok', 'backfill of a purchase paid with points': 'ok, in part, nothing',
    'preview of a purchase paid with points': 'ok, missing',
    'spend': 'ok, LY001, LY003', 'hold': 'ok, LY001, LY003, LY009', 'capture': 'ok, LY001, LY008', 'release': 'ok, LY008',
    'capture after the deadline': 'ok', 'hold that lapsed': 'ok', 'cancel': 'ok, 55000, LY008', 'transfer': 'ok, 22023, LY001, LY003',
    'redeem': 'ok, 42704, 42P08, LY001, LY003, LY004, LY005, LY006, LY007, LY009',
    'hold_reward': 'ok, LY001, LY003, LY004, LY005, LY006, LY007', 'hold of a reward that lapsed': 'ok',
    'capture of a reward with codes': 'ok', 'capture of a reward with codes, in part': 'ok', 'release of a reward with codes': 'ok, LY008',
    'capture after the deadline of a reward with codes': 'ok', 'hold of a reward with codes that lapsed': 'ok',
    'cancel of a reward with codes': 'ok, LY012', 'cancel of a reward with codes, in part': 'ok, LY012',
    'quote': 'ok, LY001, LY003, LY004, LY005, LY006, LY007', 'affordable': 'yes, no, next', 'automatic reward': 'ok',
    'donations of a month': 'ok', 'adjusted': 'ok, LY001', 'reverse': 'ok, 55000, LY008', 'claim': 'ok, LY004',
    'bonuses': 'open, claimed, ended, to come', 'call repeated by its key': 'ok',
    'generate_codes': 'ok', 'import_codes': 'ok, 23505', 'check_code': 'ok, LY011 row, LY013 row', 'reserve_code': 'ok, LY012 row',
    'redeem_code': 'ok, LY006 row, LY007 row, LY009, LY011 row, LY012 row, LY013 row, LY014 row', 'release_code': 'ok, LY008',
    'cancel_code': 'ok, 22023', 'void_code': 'ok, LY011', 'give_code': 'ok, LY005', 'top_up_code': 'ok, 22023, LY011 row',
    'deposit_code': 'ok, 22023, LY010, LY011 row, LY012 row',
    'of tiers':
        'upgrade, downgrade, loss, renewal, reached-again, upgrade-by-configuration, for-life, rollover, by-hand, '
        'by-hand-with-an-end, by-hand-taken, late-upgrade, late-row-before-the-first-tier, late-row-while-a-stay-runs, '
        'late-row-after-an-expiry, late-row-beside-a-tier-given-by-hand, late-refund, topped-up, '
        'rollover-raised-by-a-late-row, a-member-moves, changed-threshold, changed-insert, changed-delete, changed-keep, '
        'changed-keep_renewed, changed-downgrade, changed-top_up, changed-years, changed-rollover, '
        'changed-at-the-instant-of-a-movement, benefit-used, benefit-used-again-by-its-key, benefit-given-back, '
        'benefit-refused-LY006, benefit-refused-LY007, standing, known-before-tier_at, known-before-balance, '
        'rollover-lowered-by-a-late-row',
}


class Coverage(Counter):
    """(kind, outcome) -> how often"""

    def note(self, kind, outcome='ok'):
        self[kind, outcome or 'ok'] += 1

    def lines(self):
        """One line for each kind, which take() reads again."""
        for kind in sorted({k for k, _ in self}):
            some = sorted(((n, o) for (k, o), n in self.items() if k == kind), key=lambda x: (x[1] != 'ok', x[1]))
            yield '# did %s: %s' % (kind, ', '.join('%s %d' % (o, n) for n, o in some))

    def take(self, line):
        """Adds what a line says; False if it is another line."""
        if not line.startswith('# did '):
            return False
        kind, some = line[6:].rstrip('\n').split(': ', 1)
        for x in some.split(', '):
            outcome, n = x.rsplit(' ', 1)
            self[kind, outcome] += int(n)
        return True

    def missing(self):
        """What should have happened and did not."""
        return ['%s: %s' % (k, o) for k, some in sorted(NEEDED.items()) for o in some.split(', ') if not self[k, o]]
