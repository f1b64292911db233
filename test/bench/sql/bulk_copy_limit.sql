BEGIN;
COPY shop.purchase (id, customer_id, placed_at, category, amount) FROM :'purchases';
COPY conv.ledger (member_id, purchase_id, occurred_at, expires_at, points, remaining, bonus, unit, rule) FROM :'ledger';
\ir account_limit.sql
COMMIT;
