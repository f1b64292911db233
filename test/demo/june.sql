-- June comes in day by day; the triggers post it.  Some members redeem what they have.
SELECT clock_timestamp() AS started \gset
DO $$
DECLARE
	a timestamptz := '2026-06-01 Europe/Berlin';
	b timestamptz;
	customer bigint;
BEGIN
	WHILE a < '2026-07-01 Europe/Berlin' LOOP
		b := a + interval '1 day';
		PERFORM rewards.set_clock(b);
		INSERT INTO shop.orders SELECT * FROM june.orders WHERE placed_at >= a AND placed_at < b ORDER BY order_id;
		INSERT INTO shop.order_lines SELECT * FROM june.order_lines WHERE placed_at >= a AND placed_at < b ORDER BY order_id, line;
		INSERT INTO shop.refunds OVERRIDING SYSTEM VALUE SELECT * FROM june.refunds WHERE refunded_at >= a AND refunded_at < b ORDER BY refund_id;
		INSERT INTO shop.reviews OVERRIDING SYSTEM VALUE SELECT * FROM june.reviews WHERE written_at >= a AND written_at < b ORDER BY review_id;
		FOR customer IN SELECT customer_id FROM shop.customers WHERE customer_id % 60 = extract(day FROM b) LOOP
			IF rewards.balance(customer, 'points') >= 900 AND customer % 7 < 2 THEN
				PERFORM rewards.redeem(customer, 'a kilo of espresso', price => CASE customer % 7 WHEN 0 THEN 'points' ELSE 'half and half' END);
			ELSIF rewards.balance(customer, 'points') >= 250 AND customer % 7 < 5 THEN
				BEGIN
					PERFORM rewards.redeem(customer, CASE WHEN customer % 7 < 4 THEN 'mug' ELSE 'a tree' END);
				EXCEPTION WHEN SQLSTATE 'LY005' THEN	-- there are no mugs left
					PERFORM rewards.redeem(customer, 'a tree');
				END;
			END IF;
		END LOOP;
		COMMIT;
		a := b;
	END LOOP;
END $$;
SELECT format('  %s orders, %s lines, %s refunds and %s reviews in %s s',
	to_char((SELECT count(*) FROM june.orders), 'FM999,999,999'), to_char((SELECT count(*) FROM june.order_lines), 'FM999,999,999'),
	to_char((SELECT count(*) FROM june.refunds), 'FM999,999,999'), to_char((SELECT count(*) FROM june.reviews), 'FM999,999,999'),
	round(extract(epoch FROM clock_timestamp() - :'started'), 1));
SELECT rewards.set_clock('2026-07-01 09:00 Europe/Berlin') \g /dev/null
DROP SCHEMA june CASCADE;
