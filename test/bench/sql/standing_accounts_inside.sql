SELECT count(*), max(a.last_at), count(a.tiers), count(a.lots) FROM rewards.account AS a;
