"""A small shop by psycopg 3, with results in text and in binary."""
import datetime
import json
from decimal import Decimal

import psycopg

done = 0


def is_(name, came, expected):
    global done
    done += 1
    print(('ok' if came == expected else 'not ok') + f' {done} - {name}')
    if came != expected:
        print(f'# expected: {expected!r}\n# came:     {came!r}')


utc = datetime.timezone.utc
noon = datetime.datetime(2026, 3, 2, 12, tzinfo=utc)

with psycopg.connect('') as db:
    db.execute("SET timezone = 'UTC'")
    db.execute("CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(12,2), placed_at timestamptz)")
    db.execute("SELECT loyalty.create_program(%s, member_type => %s, time_zone => 'UTC', currency => 'EUR', test_clock => true)",
               ('rewards', 'text'))
    db.execute("SELECT rewards.set_clock(%s)", (noon,))
    db.execute("SELECT rewards.attach('orders', member => %s, amount => %s, occurred_at => %s)", ('customer', 'total', 'placed_at'))
    db.execute("UPDATE rewards.unit SET expires = %s", ('12 months to end of month',))
    db.execute("INSERT INTO rewards.rule (name, source, earn, max_per_event) VALUES (%s, %s, %s, %s)", ('base', 'orders', '2 per 1', 1000000))
    db.execute("INSERT INTO rewards.reward (name, kind) VALUES (%s, %s)", ('mug', 'product'))
    db.execute("INSERT INTO rewards.reward_price (reward, points) VALUES (%s, %s)", ('mug', 50))
    db.commit()

    with db.cursor() as c:
        c.executemany("INSERT INTO orders VALUES (%s, %s, %s, %s)",
                      [(i, 'ann', Decimal('10.25'), noon) for i in range(1, 11)])
    with db.pipeline():
        for i in range(11, 21):
            db.execute("INSERT INTO orders VALUES (%s, %s, %s, %s)", (i, 'bob', Decimal('1.50'), noon))
    with db.cursor() as c, c.copy("COPY orders FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(['int8', 'text', 'numeric', 'timestamptz'])
        copy.write_row((21, 'cid', Decimal('99.99'), noon))
    db.commit()

    for binary in (False, True):
        form = 'binary' if binary else 'text'
        get = lambda sql, *args: db.execute(sql, args, binary=binary).fetchall()
        is_(f'balances, {form}', get("SELECT member_id, available, next_expiry_at FROM rewards.balances ORDER BY 1"),
            [(m, Decimal(p), datetime.datetime(2027, 4, 1, tzinfo=utc)) for m, p in (('ann', 200), ('bob', 30), ('cid', 199))])
        is_(f'balance(), {form}', get("SELECT rewards.balance(%s)", 'cid'), [(Decimal(199),)])
        is_(f'statement(), {form}', get("SELECT kind, points, balance, occurred_at FROM rewards.statement(%s) LIMIT 1", 'cid'),
            [('earn', Decimal(199), Decimal(199), noon)])
        is_(f'preview() of a document, {form}',
            get("SELECT rule, points FROM rewards.preview('orders', %s::jsonb)", json.dumps({'customer': 'ann', 'total': 4.5})),
            [('base', Decimal(9))])
        is_(f'the points of a row, {form}', get("SELECT p.points FROM orders JOIN rewards.orders_points p USING (id) WHERE id = %s", 21),
            [(Decimal(199),)])

    again = [db.execute("SELECT id, status, points, available FROM rewards.redeem(%s, %s, key => %s)", ('ann', 'mug', 'click 1')).fetchone()
             for _ in range(2)]
    is_('redeem() twice with one key', again, [(1, 'done', Decimal(50), Decimal(150))] * 2)
    db.commit()

    try:
        db.execute("SELECT rewards.redeem(%s, %s)", ('bob', 'mug'))
        came = None
    except psycopg.Error as e:
        d = e.diag
        came = (d.sqlstate, d.schema_name, d.table_name, d.column_name, d.constraint_name,
                {k: v for k, v in json.loads(d.datatype_name).items() if k in ('member', 'available', 'needed', 'missing')})
    is_('a refusal', came, ('LY001', 'rewards', 'balances', 'available', 'insufficient_points',
                            {'member': 'bob', 'available': 30, 'needed': 50, 'missing': 20}))
    db.rollback()

    large = Decimal('900719925474093.0001')
    db.execute("UPDATE rewards.unit SET decimals = 4")
    db.execute("INSERT INTO rewards.member (member_id) VALUES ('dan')")
    db.execute("SELECT rewards.adjust(%s, %s, reason => 'a test')", ('dan', large))
    is_('more digits than a double has', db.execute("SELECT available_exact FROM rewards.balances WHERE member_id = 'dan'").fetchone()[0], large)
    with db.cursor() as c, c.copy("COPY (SELECT loyalty.points(1.5)) TO STDOUT (FORMAT binary)") as copy:
        is_('points in a binary COPY', list(copy.rows())[0][0][:8], (15000).to_bytes(8, 'big'))
    db.rollback()
    is_('verify()', db.execute("SELECT * FROM rewards.verify()").fetchall(), [])
print(f'1..{done}')
