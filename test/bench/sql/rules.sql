-- twenty rules with conditions in place of the usual ones
DELETE FROM rewards.rule;
INSERT INTO rewards.rule (name, source, unit, earn, condition)
SELECT 'rule ' || i, 'purchases', 'points', '1 per ' || i,
	CASE i % 5
		WHEN 0 THEN format('category = %s AND amount > %s', 1 + i % 4, i)
		WHEN 1 THEN format('amount BETWEEN %s AND %s', i, 3 * i + 10)
		WHEN 2 THEN format('extract(isodow FROM placed_at) = %s', 1 + i % 7)
		WHEN 3 THEN format('category IN (%s, %s) OR amount >= %s', i % 3, i % 5, 4 * i)
		ELSE format('placed_at >= ''2020-01-%s'' AND amount < %s', 1 + i, 5 * i)
	END
FROM generate_series(1, 20) i;
