"""
What a run did: how often each kind of operation happened, and with what
outcome ('ok' or the SQLSTATE it was refused with), so that what never happens
is seen.  Kinds are the functions that members and applications call, changes
of rows, and what becomes of some of them.
"""

from collections import Counter

# What the default programs must do at least once, or the test has a hole.
NEEDED = {}


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
        return ['%s: %s' % (k, o) for k, some in sorted(NEEDED.items()) for o in some.split() if not self[k, o]]
