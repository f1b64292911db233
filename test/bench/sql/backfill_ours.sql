CALL rewards.backfill('purchases');
