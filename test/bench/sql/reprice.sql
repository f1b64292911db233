SELECT count(*) FROM rewards.reprice(NULL, '-infinity', 'infinity');
