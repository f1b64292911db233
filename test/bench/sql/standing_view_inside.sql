SELECT count(*), max(s.until), count(s.tier), count(s.points_to_keep) FROM rewards.standing AS s;
