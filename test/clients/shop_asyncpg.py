"""A small shop by asyncpg, which speaks the binary protocol."""
import asyncio
import datetime
import json
import os
from decimal import Decimal

import asyncpg

done = 0


def is_(name, came, expected):
    global done
    done += 1
    print(('ok' if came == expected else 'not ok') + f' {done} - {name}')
    if came != expected:
        print(f'# expected: {expected!r}\n# came:     {came!r}')


async def main():
    noon = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.timezone.utc)
    db = await asyncpg.connect(host=os.environ['PGHOST'], database=os.environ['PGDATABASE'], user=os.environ['PGUSER'])
    await db.execute("CREATE TABLE orders (id uuid PRIMARY KEY, customer int NOT NULL, total numeric(12,2), placed_at timestamptz)")
    await db.execute("SELECT loyalty.create_program('rewards', member_type => 'integer', time_zone => 'UTC', currency => 'EUR', test_clock => true)")
    await db.execute("SELECT rewards.set_clock('2026-03-02 12:00Z')")
    await db.execute("SELECT rewards.attach('orders', member => 'customer', amount => 'total', occurred_at => 'placed_at')")
    await db.execute("INSERT INTO rewards.rule (name, source, earn) VALUES ($1, $2, $3)", 'base', 'orders', '1 per 1')
    await db.execute("UPDATE rewards.unit SET expires = $1", '1 year')

    key = [f'00000000-0000-0000-0000-{i:012d}' for i in range(4)]
    await db.executemany("INSERT INTO orders VALUES ($1, $2, $3, $4)",
                         [(key[i], 7, Decimal('10.10'), noon) for i in range(3)])
    await db.copy_records_to_table('orders', records=[(key[3], 8, Decimal('5'), noon)])
    is_('balances', [tuple(r) for r in await db.fetch("SELECT member_id, available FROM rewards.balances ORDER BY 1")],
        [(7, Decimal(30)), (8, Decimal(5))])
    is_('what was configured', tuple(await db.fetchrow("SELECT r.earn, u.expires FROM rewards.rule r, rewards.unit u")),
        ('1 per 1', '12 months'))
    is_('a lot', tuple(await db.fetchrow("SELECT points, active_from, expires_at FROM rewards.member_lots($1)", 8)),
        (Decimal(5), noon, noon.replace(year=2027)))

    try:
        async with db.transaction():
            await db.execute("UPDATE orders SET total = 20 WHERE id = $1", key[3])
            await db.fetch("SELECT * FROM rewards.spend($1, $2, key => $3)", 8, Decimal(21), 'k')
        came = None
    except asyncpg.PostgresError as e:
        came = (e.sqlstate, e.schema_name, e.constraint_name, json.loads(e.data_type_name)['available'])
    is_('a refusal undoes the transaction', came, ('LY001', 'rewards', 'insufficient_points', 20))
    is_('the purchase with it', await db.fetchval("SELECT rewards.balance($1)", 8), Decimal(5))
    row = await db.fetchrow("SELECT * FROM rewards.hold($1, $2, for_ => $3)", 7, Decimal(10), datetime.timedelta(minutes=15))
    is_('a hold', (row['status'], row['held'], row['available'], row['valid_until']),
        ('held', Decimal(10), Decimal(20), noon + datetime.timedelta(minutes=15)))
    is_('verify()', await db.fetch("SELECT * FROM rewards.verify()"), [])
    await db.close()

asyncio.run(main())
print(f'1..{done}')
