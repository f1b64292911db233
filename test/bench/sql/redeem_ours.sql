-- The same members, lots and rewards in a program.  Variables: members, zone.
CREATE EXTENSION loyalty;
SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => :'zone', currency => 'EUR');
INSERT INTO rewards.member (member_id, joined_at) SELECT m, now() FROM generate_series(1, :members) m;
SELECT count(rewards.adjust(m, 1000, reason => 'a lot', expires_at => now() + e * interval '20 days'))
FROM generate_series(1, :members) m, generate_series(1, 20) e;
INSERT INTO rewards.reward (name, stock) SELECT 'reward ' || r, 1000000 FROM generate_series(1, 20) r;
INSERT INTO rewards.reward_price (reward, points) SELECT 'reward ' || r, 10 FROM generate_series(1, 20) r;
