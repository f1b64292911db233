"""
Makes a failing stream small: drops members, operations, rules, attributes while
it still fails the same way.
"""

import time


def with_ops(spec, ops, **more):
    new = spec.__class__.__new__(spec.__class__)
    new.__dict__.update(spec.__dict__)
    new.ops = ops
    new.__dict__.update(more)
    return new


def change_member(spec, op, change, of_row):
    """The member a change of a row is about; of_row: what is known of earlier rows."""
    source = spec.source(op[1])['model']
    key = tuple(change[1][c] for c in source['key']) if change[0] == 'I' else change[1]
    if change[0] == 'I':
        if source.get('reduces'):
            of_row[op[1], key] = next((m for k, m in of_row.items() if k[0] == source['reduces'] and
                                       change[1][source['reduces_key']] in k[1]), None)
        else:
            of_row[op[1], key] = change[1][source.get('member', ('col', 'customer_id'))[1]]
    return of_row.get((op[1], key))


def members_of(spec):
    """For each operation the members that it is about; for 'stmt' a list per change."""
    of_row, of_call, out = {}, {}, []
    for op in spec.ops:
        if op[0] == 'stmt':
            out.append([change_member(spec, op, c, of_row) for c in op[3]])
        elif op[0] == 'call':
            a = op[3]
            m = of_call.get(a['target']) if 'target' in a else a.get('member', a.get('sender'))
            of_call[op[1]] = m
            out.append(m if 'receiver' not in a else None)
        else:
            out.append(op[1] if op[0] in ('adjust', 'member') else None)
    return out


def about_members(spec):
    return {m for x in members_of(spec) for m in (x if isinstance(x, list) else [x]) if m is not None}


def without_member(spec, member):
    """The operations without what is only about one member."""
    ops, preload = [], 0
    for i, (op, x) in enumerate(zip(spec.ops, members_of(spec))):
        if isinstance(x, list):
            changes = [c for c, m in zip(op[3], x) if str(m) != member]
            op = op[:3] + (changes,) + op[4:] if changes else None
        elif str(x) == member:
            op = None
        if op is not None:
            ops.append(op)
            preload += i < spec.preload
    return ops, preload


def shrink(attempt, spec, first, budget):
    """Drop operations, rules, members and attributes while it still fails the same way."""
    end = time.time() + budget
    best, best_error = spec, first

    def try_it(candidate):
        nonlocal best, best_error
        if time.time() > end:
            return False
        e = attempt(candidate, every)
        if e is not None and e.what == first.what:
            best, best_error = candidate, e
            return True
        return False

    # what came after the comparison that found it is not needed; to compare once, at the end, mostly does
    every = 1 << 30
    if not try_it(with_ops(spec, spec.ops[:first.done], preload=min(spec.preload, first.done))):
        every = 1
    for member in sorted({str(m) for m in about_members(best)}):
        ops, preload = without_member(best, member)
        try_it(with_ops(best, ops, preload=preload))
    chunk = max(1, len(best.ops) // 2)
    while chunk >= 1 and time.time() < end:
        i, progress = 0, False
        while i < len(best.ops) and time.time() < end:
            ops = best.ops[:i] + best.ops[i + chunk:]
            preload = best.preload - max(0, min(best.preload, i + chunk) - i) if i < best.preload else best.preload
            if try_it(with_ops(best, ops, preload=preload)):
                progress = True
            else:
                i += chunk
        if chunk == 1 and not progress:
            break
        chunk = max(1, chunk // 2)
    for i in range(len(best.ops) - 1, -1, -1):          # single changes of a statement
        op = best.ops[i]
        j = 2 if op[0] == 'undo' else 3
        if op[0] in ('stmt', 'undo') and len(op[j]) > 1:
            k = 0
            while k < len(best.ops[i][j]) and len(best.ops[i][j]) > 1:
                op = best.ops[i]
                new = op[:j] + (op[j][:k] + op[j][k + 1:],) + op[j + 1:]
                if not try_it(with_ops(best, best.ops[:i] + [new] + best.ops[i + 1:])):
                    k += 1
    for i in range(len(best.rules) - 1, -1, -1):
        try_it(with_ops(best, best.ops, rules=best.rules[:i] + best.rules[i + 1:]))
    for i in range(len(best.rules)):
        for k in ('amount', 'condition', 'min_amount', 'valid', 'priority', 'exclusive_group', 'max_per_event', 'budget',
                  'activates', 'expires'):
            if k in best.rules[i]:
                rule = {a: b for a, b in best.rules[i].items() if a != k}
                try_it(with_ops(best, best.ops, rules=best.rules[:i] + [rule] + best.rules[i + 1:]))
    for i in range(len(best.members) - 1, -1, -1):
        try_it(with_ops(best, best.ops, members=best.members[:i] + best.members[i + 1:]))
    for i in range(len(best.units)):
        for k in ('activates', 'expires', 'decimals', 'rounding', 'max_per_event', 'on_shortfall', 'return_grace',
                  'transferable'):
            if k in best.units[i]:
                unit = {a: b for a, b in best.units[i].items() if a != k}
                try_it(with_ops(best, best.ops, units=best.units[:i] + [unit] + best.units[i + 1:]))
    used = {op[1] for op in best.ops if op[0] in ('stmt', 'undo')} | {r.get('source') for r in best.rules} | \
        {op[1].get('source') for op in best.ops if op[0] == 'newrule'}
    for s in list(best.sources):
        name = s['model']['name']
        if name not in used and not any(x['model'].get('reduces') == name for x in best.sources):
            try_it(with_ops(best, best.ops, sources=[x for x in best.sources if x is not s]))
    for i in range(len(best.rewards) - 1, -1, -1):
        try_it(with_ops(best, best.ops, rewards=best.rewards[:i] + best.rewards[i + 1:]))
    for i in range(len(best.pools) - 1, -1, -1):
        try_it(with_ops(best, best.ops, pools=best.pools[:i] + best.pools[i + 1:]))
    for stacking in ('additive',):
        if best.stacking != stacking:
            try_it(with_ops(best, best.ops, stacking=stacking))
    return best, best_error
