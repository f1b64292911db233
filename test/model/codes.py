"""
Codes, for the model: pools, codes that are imported, generated or made when
they are needed, what a code gives or why it does not, reservations, uses and
what becomes of them, cards that carry their own balance, members who guess.
The comments name sections of the README, which is more exact on codes than
section 4 of the semantics.

A code is named by its text, or as (number of a call, i): the i-th code which
that call generated, gave, or drew for a redemption.  Its text is then known
only when it has been made.

Where a refusal is a row and not an error, ' row' is added to its SQLSTATE.
"""

from fractions import Fraction

from clock import INF, NINF, SECOND, Period
from purse import ZERO
from spending import Call, Refused, refuse

GUESSES = {'LY011 row', 'LY012 row', 'LY013 row', 'LY014 row'}      # what counts as an attempt
GUESSING = ('check_code', 'reserve_code', 'redeem_code', 'deposit_code')


class Pool:
    """Codes that give the same."""

    def __init__(self, name, gives='points', value=None, unit=None, ceiling=None, min_amount=None, uses=1,
                 uses_per_member=None, personal=True, valid=(NINF, INF), expires='never', reserve_for=900, supply='stock',
                 product=None, prefix='', enabled=True):
        self.name, self.gives, self.value, self.unit = name, gives, value, unit
        self.ceiling, self.min_amount, self.uses, self.uses_per_member = ceiling, min_amount, uses, uses_per_member
        self.personal, self.valid, self.expires, self.reserve_for = personal, valid, Period(expires), reserve_for
        self.supply, self.product, self.prefix, self.enabled = supply, product, prefix, enabled


class Code:
    """One code and what has become of it."""

    def __init__(self, text, pool, value=None, valid_from=NINF, valid_until=INF):
        self.text, self.pool = text, pool
        self.value = value if value is not None else pool.value if pool.gives == 'balance' else None
        self.added = self.spent = ZERO      # to and of a card's balance
        self.valid_from, self.valid_until = valid_from, valid_until
        self.uses = 0
        self.member = None          # who was given it
        self.in_stock = True        # nobody has, or had, anything of it
        self.voided = False
        self.taken_back = False     # with pieces of its redemption that were cancelled
        self.redemption = None      # the call it was drawn for
        self.held_for, self.held_until = None, NINF     # the reward on hold it is set aside for

    def balance(self):
        return self.value + self.added - self.spent if self.value is not None else None

    def held(self, now):
        """Set aside: nobody else can draw it, or is told that it is there (4)."""
        return self.in_stock and self.held_until > now

    def ends(self):
        return min(self.valid_until, self.pool.valid[1])


class Use:
    """A reservation or a use of a code, or that it was given."""

    def __init__(self, code, member, state, at):
        self.code, self.member, self.state, self.at = code, member, state, at
        self.until = None           # a reservation's deadline
        self.unit = code.pool.unit
        self.amount = None          # what a card was topped up with
        self.discount = self.points = None
        self.returned = ZERO
        self.lots = None            # where its points went

    def status(self, now):
        return 'lapsed' if self.state == 'reserved' and self.until <= now else self.state


class Codes:
    """Mixed into Program."""

    def init_codes(self):
        self.pools = {}             # name -> Pool
        self.codes = {}             # text -> Code
        self.uses = {}              # number of a call -> Use
        self.drawn = {}             # number of a call -> the codes it generated, gave or drew
        self.texts = None           # what the database drew, when that is known
        self.texts_held = None      # what it set aside
        self.attempts = {}          # member -> [start of the window, failures]
        self.code_attempts, self.code_window = 10, 3600

    def add_code(self, text, pool, **more):
        self.codes[text] = Code(text, self.pools[pool], **more)
        return self.codes[text]

    def code_named(self, name):
        """The code of a name, None if there is none."""
        if isinstance(name, tuple):
            codes = self.drawn.get(name[0], [])
            return codes[name[1]] if name[1] < len(codes) else None
        return self.codes.get(name)

    def currency_step(self):
        return Fraction(1, 100)

    # -- members who guess

    def failures(self, member):
        """Failed attempts of the present window."""
        start, n = self.attempts.get(member, (NINF, 0))
        return n if start + self.code_window * SECOND > self.clock else 0

    def attempts_left(self, member):
        if member is None or self.code_attempts is None:
            return None
        return self.code_attempts - self.failures(member)

    def told(self, name, args, state):
        """A refusal has been told: some are guesses, unless one has reserved the code oneself."""
        member = args.get('member')
        if state not in GUESSES or member is None or name not in GUESSING:
            return
        code = self.code_named(args['code'])
        if name == 'reserve_code' and code is not None and self.own_reservation(code, member, None) is not None:
            return
        n = self.failures(member)
        self.attempts[member] = (self.attempts[member][0] if n else self.clock, n + 1)

    # -- whether a code is good

    def reserved(self, code, but=None):
        """Numbers of the open reservations of a code."""
        return [n for n, x in self.uses.items()
                if x.code is code and x.state == 'reserved' and x.until > self.clock and n != but]

    def own_reservation(self, code, member, number):
        """The caller's reservation: the one named, unless it is another member's, or one of the member."""
        for n in self.reserved(code):
            x = self.uses[n]
            if number is not None:
                if n == number and x.member in (None, member):
                    return n
            elif member is not None and x.member == member:
                return n
        return None

    def used_up(self, code):
        if code.pool.gives == 'balance':
            return code.balance() <= 0
        return code.pool.uses is not None and code.uses >= code.pool.uses

    def uses_of(self, member, pool, but=None):
        """How often a member has used codes of a pool, open reservations included."""
        return sum(1 for n, x in self.uses.items() if x.code.pool is pool and x.member == member and n != but and (
            x.state == 'redeemed' or x.state == 'reserved' and x.until > self.clock))

    def find_code(self, name, member):
        if self.attempts_left(member) is not None and self.attempts_left(member) <= 0:
            refuse(['LY015 row'])
        code = self.code_named(name)
        if code is None:
            refuse(['LY011 row'])
        return code

    def judge_code(self, code, member, amount, reservation):
        """Why a code does not give what it gives; what it is comes before who may use it."""
        pool = code.pool
        owned = pool.personal and code.member is not None
        if owned and member is not None and member != code.member or code.held(self.clock):
            refuse(['LY011 row'])   # somebody else's is not there
        why = []
        if code.voided or code.ends() <= self.clock or not pool.enabled or self.clock < max(code.valid_from, pool.valid[0]):
            why.append('LY013 row')
        if self.used_up(code):
            why.append('LY012 row')
        refuse(why)
        n = len(self.reserved(code, reservation))
        if n and (pool.gives == 'balance' or pool.uses is not None and code.uses + n >= pool.uses):
            refuse(['LY014 row'])
        if member is None and (owned or pool.gives == 'points' or pool.uses_per_member is not None):
            why.append('LY007 row')
        if pool.min_amount is not None and (amount is None or amount < pool.min_amount):
            why.append('LY007 row')
        if pool.uses_per_member is not None and member is not None and \
                self.uses_of(member, pool, reservation) >= pool.uses_per_member:
            why.append('LY006 row')
        refuse(why)

    def worth(self, code, amount):
        """(discount, points) of a code on an amount."""
        pool = code.pool
        value = code.value if code.value is not None else pool.value
        if pool.gives == 'amount':
            return (value if amount is None else min(value, amount), None)
        if pool.gives == 'percent' and amount is not None:
            step = self.currency_step()
            n = (amount * value / 100 + step / 2) // step * step
            return (min(n, amount, *([] if pool.ceiling is None else [pool.ceiling])), None)
        if pool.gives == 'balance' and amount is not None:
            return (min(code.balance(), amount), None)
        return (None, value if pool.gives == 'points' else None)

    def code_member(self, code, member, needed, reservation, amount):
        """Who uses a code must be active; a good code enrols a stranger that it needs."""
        if member is None:
            return False
        if member in self.members:
            refuse([state + ' row' for state in self.who(member)])
        elif needed:
            if self.enrolment != 'auto':
                raise Refused('LY002 row', others=self.reasons(code, member, amount, reservation))
            self.judge_code(code, member, amount, reservation)
            return True
        return False

    def reasons(self, code, member, amount, reservation):
        try:
            self.judge_code(code, member, amount, reservation)
        except Refused as e:
            return e.states
        return set()

    # -- making codes

    def new_codes(self, no, pool, n, **more):
        """Codes whose texts the database knows."""
        texts = self.texts if self.texts is not None else ['made %d %d' % (no, i) for i in range(n)]
        codes = [self.add_code(x, pool, **more) for x in texts]
        self.drawn.setdefault(no, []).extend(codes)
        return codes

    def generate_codes(self, no, pool, count, valid_from=None, valid_until=None, key=None):
        def act():
            refuse([] if count > 0 else ['22023'])
            codes = self.new_codes(no, pool, count, valid_from=NINF if valid_from is None else valid_from,
                                   valid_until=INF if valid_until is None else valid_until)
            call = Call(no, 'generate_codes', None, None, Fraction(len(codes)), self.clock)
            return call
        return self.called(no, key, ('generate_codes', pool, count, valid_from, valid_until), act)

    def import_codes(self, no, pool, codes, value=None, valid_from=None, valid_until=None, key=None):
        def act():
            why = ['23505'] if any(x in self.codes for x in codes) or len(set(codes)) < len(codes) else []
            if value is not None and self.pools[pool].gives not in ('amount', 'balance', 'points'):
                why.append('22023')
            refuse(why)
            for x in codes:
                self.add_code(x, pool, value=value, valid_from=NINF if valid_from is None else valid_from,
                              valid_until=INF if valid_until is None else valid_until)
            return Call(no, 'import_codes', None, None, Fraction(len(codes)), self.clock)
        return self.called(no, key, ('import_codes', pool, tuple(codes), value, valid_from, valid_until), act)

    def given_until(self, pool, until):
        return pool.expires.end(self.clock, self.zone) if until is None else until

    def free_codes(self, pool, after=None):
        return [x for x in self.codes.values() if x.pool is pool and x.in_stock and not x.held(self.clock) and
                x.valid_until > (self.clock if after is None else after)]

    def codes_lacking(self, name, n, until, after=None):
        """Why a pool does not have so many codes that nobody has and that are valid after an instant."""
        pool = self.pools[name]
        if not pool.enabled or self.clock >= pool.valid[1]:
            return ['LY004']
        if self.given_until(pool, until) <= self.clock:
            return ['22023']
        return ['LY005'] if pool.supply == 'stock' and len(self.free_codes(pool, after)) < n else []

    def draw_codes(self, no, name, n, member, until, redemption=None):
        """Codes that nobody has, for a member from now on."""
        pool = self.pools[name]
        if pool.supply == 'endless':
            codes = self.new_codes(no, name, n)
        else:
            free = self.free_codes(pool)
            codes = free[:n]
            if self.texts is not None:
                codes = [self.codes.get(x) for x in self.texts]
                if len(codes) != n or any(x not in free for x in codes):
                    raise AssertionError('expected: %d codes of %s that nobody has; actual: %s' % (n, name, self.texts))
            self.drawn.setdefault(no, []).extend(codes)
        for x in codes:
            self.hand_out(x, member, until, redemption)
        return codes

    def hand_out(self, code, member, until, redemption=None):
        code.in_stock, code.member, code.redemption = False, member, redemption
        code.held_for, code.held_until = None, NINF
        code.valid_until = min(code.valid_until, self.given_until(code.pool, until))

    # -- what the till does with codes

    def check_code(self, no, code, member=None, amount=None):
        c = self.find_code(code, member)
        self.judge_code(c, member, amount, self.own_reservation(c, member, None))
        call = Call(no, 'check_code', member, None, None, self.clock)
        call.answer = ('valid',) + self.worth(c, amount)
        self.calls[no] = call
        return True

    def reserve_code(self, no, code, member=None, seconds=None, amount=None, key=None):
        def act():
            c = self.find_code(code, member)
            stranger = self.code_member(c, member, c.pool.uses_per_member is not None, None, amount)
            self.judge_code(c, member, amount, None)
            n = c.pool.reserve_for if seconds is None else seconds
            refuse([] if n > 0 else ['22023'])
            if stranger:
                self.add_member(member, self.clock)
            x = self.uses[no] = Use(c, member, 'reserved', self.clock)
            x.until = self.clock + n * SECOND
            c.in_stock = False
            return Call(no, 'reserve_code', member, None, None, self.clock)
        return self.called(no, key, ('reserve_code', code, member, seconds, amount), act)

    def redeem_code(self, no, code, member=None, amount=None, reservation=None, key=None):
        def act():
            c = self.find_code(code, member)
            if c.pool.gives == 'balance' and amount is None:
                refuse(['22004'])
            mine = self.own_reservation(c, member, reservation)
            stranger = self.code_member(c, member, c.pool.gives == 'points' or c.pool.uses_per_member is not None, mine, amount)
            self.judge_code(c, member, amount, mine)
            if stranger:
                self.add_member(member, self.clock)
            x = Use(c, member, 'redeemed', self.clock)
            x.discount, x.points = self.worth(c, amount)
            if x.points is not None:
                x.lots = [[self.put_in(member, c.pool.unit, x.points), x.points]]
            if mine is not None:
                self.uses[mine].state = 'used'
            self.uses[no] = x
            c.uses += 1
            c.in_stock = False
            if c.pool.gives == 'balance':
                c.spent += x.discount
            return Call(no, 'redeem_code', member, c.pool.unit, x.points, self.clock)
        return self.called(no, key, ('redeem_code', code, member, amount, reservation), act)

    def release_code(self, no, target, key=None):
        x = self.uses[target]

        def act():
            refuse([] if x.status(self.clock) == 'reserved' else ['LY008'])
            x.state = 'released'
            return Call(no, 'release_code', x.member, None, None, self.clock)
        return self.called(no, key, ('release_code', target), act)

    def cancel_code(self, no, target, amount=None, key=None):
        x = self.uses[target]

        def act():
            refuse([] if x.state in ('redeemed', 'topped up') else ['55000'])
            card = x.code.pool.gives == 'balance'
            if x.state == 'topped up':
                return self.cancel_top_up(no, x, amount)
            if not card and amount is not None:
                refuse(['22023'])
            whole = True
            if card:
                n = x.discount - x.returned if amount is None else amount
                refuse([] if amount is None or 0 < n <= x.discount - x.returned else ['22023'])
                refuse(['22023'] if x.points is not None and n < x.discount else [])
                x.returned += n
                x.code.spent -= n
                whole = x.returned == x.discount
            if x.points is not None:
                self.take_back(x.member, x.unit, x.points, x.lots)
            if whole:
                x.state = 'cancelled'
                x.code.uses -= 1
            return Call(no, 'cancel_code', x.member, None, None, self.clock)
        return self.called(no, key, ('cancel_code', target, amount), act)

    # -- cards

    def top_up_code(self, no, code, amount, valid_until=None, key=None):
        """More on a card, which then lasts longer if that is said; who tops up one that nobody had has it from now on."""
        def act():
            refuse(['22004'] if amount is None else ['22023'] if amount <= 0 else [])
            c = self.code_named(code)
            refuse(['LY011 row'] if c is None else ['22023'] if c.pool.gives != 'balance' else [])
            refuse(['LY011 row'] if c.held(self.clock) else [])
            if c.voided or c.ends() <= self.clock or not c.pool.enabled or self.clock < max(c.valid_from, c.pool.valid[0]):
                refuse(['LY013 row'])
            if c.in_stock:
                c.valid_until = min(c.valid_until, self.given_until(c.pool, None))
            if valid_until is not None:
                c.valid_until = max(c.valid_until, valid_until)
            c.in_stock = False
            c.added += amount
            x = self.uses[no] = Use(c, None, 'topped up', self.clock)
            x.amount = amount
            return Call(no, 'top_up_code', None, None, None, self.clock)
        return self.called(no, key, ('top_up_code', code, amount, valid_until), act)

    def cancel_top_up(self, no, x, amount):
        """As far as the card still has it."""
        left = x.amount - x.returned
        n = left if amount is None else amount
        refuse([] if 0 < n <= left else ['22023'])
        refuse([] if n <= x.code.balance() else ['LY001'])
        x.returned += n
        x.code.added -= n
        if x.returned == x.amount:
            x.state = 'cancelled'
        return Call(no, 'cancel_code', None, None, None, self.clock)

    def deposit_code(self, no, code, member, amount=None, unit=None, key=None):
        """What is left on a card, or some of it, becomes a member's balance in a unit of money."""
        def act():
            refuse(['22023'] if amount is not None and amount <= 0 else [])
            money = [u for u, x in self.units.items() if x.value == 1]
            if unit is None:
                refuse(['LY010'] if not money else ['42P08'] if len(money) > 1 else [])
            else:
                refuse([] if unit in money else ['LY010'])
            to = money[0] if unit is None else unit
            c = self.find_code(code, member)
            refuse(['22023'] if c.pool.gives != 'balance' else [])
            mine = self.own_reservation(c, member, None)
            stranger = self.code_member(c, member, True, mine, amount)
            self.judge_code(c, member, amount, mine)
            n = c.balance() if amount is None else amount
            refuse(['LY001 row'] if n > c.balance() else ['22023'] if n % self.units[to].step != 0 else [])
            if stranger:
                self.add_member(member, self.clock)
            x = self.uses[no] = Use(c, member, 'redeemed', self.clock)
            x.discount = x.points = n
            x.unit = to
            x.lots = [[self.put_in(member, to, n), n]]
            if mine is not None:
                self.uses[mine].state = 'used'
            c.uses += 1
            c.in_stock = False
            c.spent += n
            return Call(no, 'deposit_code', member, to, n, self.clock)
        return self.called(no, key, ('deposit_code', code, member, amount, unit), act)

    def void_code(self, no, code, key=None):
        def act():
            c = self.code_named(code)
            refuse(['LY011'] if c is None else ['LY013'] if c.voided else [])
            if c.held(self.clock):
                self.replace_held(c)
            for n in self.reserved(c):
                self.uses[n].state = 'released'
            c.voided, c.in_stock = True, False
            return Call(no, 'void_code', None, None, None, self.clock)
        return self.called(no, key, ('void_code', code), act)

    def give_code(self, no, member, pool=None, code=None, valid_until=None, key=None):
        def act():
            why = [] if member in self.members else ['LY002']
            if pool is not None:
                refuse(why + self.codes_lacking(pool, 1, valid_until))
                self.draw_codes(no, pool, 1, member, valid_until)
                c = self.drawn[no][0]
            else:
                c = self.code_named(code)
                if c is None:
                    refuse(why + ['LY011'])
                if c.voided or c.ends() <= self.clock:
                    why.append('LY013')
                if c.uses > 0:
                    why.append('LY012')
                if self.reserved(c):
                    why.append('LY014')
                if not c.in_stock or c.held(self.clock):
                    why.append('55000')
                if self.given_until(c.pool, valid_until) <= self.clock:
                    why.append('22023')
                refuse(why)
                self.hand_out(c, member, valid_until)
                self.drawn.setdefault(no, []).append(c)
            self.uses[no] = Use(c, member, 'given', self.clock)
            return Call(no, 'give_code', member, None, None, self.clock)
        return self.called(no, key, ('give_code', member, pool, code, valid_until), act)

    # -- codes of redemptions

    def hold_codes(self, call, name, n):
        """Sets codes aside until the hold's deadline; the database says which, for any will do."""
        pool = self.pools[name]
        if pool.supply == 'endless':
            return
        free = self.free_codes(pool, call.hold.deadline)
        codes = free[:n]
        if self.texts_held is not None:
            codes = [self.codes.get(x) for x in self.texts_held]
            if len(codes) != n or any(x not in free for x in codes):
                raise AssertionError('expected: %d codes of %s set aside that nobody has; actual: %s' % (n, name, self.texts_held))
        for x in codes:
            x.held_for, x.held_until = call.no, call.hold.deadline

    def replace_held(self, code):
        """Another code takes the place of one that is set aside and ends; the database says which."""
        free = self.free_codes(code.pool, code.held_until)
        refuse([] if free else ['LY014'])
        new = free[0]
        if self.texts_held is not None:
            some = [x for x in free if x.text in self.texts_held]
            if len(some) != 1:
                raise AssertionError('expected: one more code set aside that nobody has; actual: %s' % self.texts_held)
            new = some[0]
        new.held_for, new.held_until = code.held_for, code.held_until
        code.held_for, code.held_until = None, NINF

    def codes_held(self, call):
        """What is set aside for a hold that has not lapsed."""
        return [x for x in self.codes.values() if x.held_for == call.no and x.held(self.clock)]

    def capture_codes(self, no, call, r, ready, until):
        """A hold's own codes are given, and others drawn in place of those that are missing."""
        missing = int(call.quantity) - len(ready)
        if self.texts is not None and ready:
            held, ready = self.codes_held(call), [self.codes.get(x) for x in self.texts[:len(ready)]]
            if any(x not in held for x in ready):
                raise AssertionError('expected: the codes set aside, %s; actual: %s' % ([x.text for x in held], self.texts))
            self.texts = self.texts[len(ready):]
        for x in ready:
            self.hand_out(x, call.member, until, call.no)
        self.drawn.setdefault(no, []).extend(ready)
        call.codes = list(ready)
        self.release_codes(call)
        if missing:
            call.codes += self.draw_codes(no, r.pool, missing, call.member, until, call.no)

    def release_codes(self, call):
        for x in self.codes.values():
            if x.held_for == call.no:
                x.held_for, x.held_until = None, NINF

    def codes_to_take_back(self, call, pieces):
        """
        The codes that go with so many pieces that are cancelled: those that were voided anyway, then the last drawn,
        if nobody has used or reserved them; and why there are not enough.
        """
        mine = [x for x in call.codes if not x.taken_back]
        if not mine:
            return ([], [])
        unused = [x for x in mine if x.uses == 0 and x.added == 0]
        free = [x for x in unused if x.voided] + [x for x in reversed(unused) if not x.voided and not self.reserved(x)]
        if len(free) >= pieces:
            return (free[:int(pieces)], [])
        return ([], ['LY012' if pieces > len(unused) else 'LY014'])

    def take_codes_back(self, call, codes):
        """Codes that a member has seen are void when the redemption is cancelled; tells which became it, in the order drawn."""
        told = [x.text for x in call.codes if x in codes and not x.voided]
        for x in codes:
            x.voided, x.in_stock, x.taken_back = True, False, True
        return told

    # -- reading

    def code_state(self, code):
        """The one word of the view vouchers."""
        if code.voided:
            return 'void'
        if self.used_up(code) and (code.spent > 0 or code.pool.gives != 'balance'):     # a blank card is not used
            return 'used'
        if code.ends() <= self.clock:
            return 'expired'
        if code.held(self.clock):
            return 'held'
        n = len(self.reserved(code))
        if n and (code.pool.gives == 'balance' or code.pool.uses is not None and code.pool.uses - code.uses <= n):
            return 'reserved'
        if code.uses > 0:
            return 'active'
        return 'free' if code.in_stock else 'given'
