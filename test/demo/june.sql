-- June comes in, in bulk: the triggers post it.
SELECT rewards.set_clock('2026-07-01 09:00 Europe/Berlin') \g /dev/null
SELECT clock_timestamp() AS started \gset
INSERT INTO shop.orders SELECT * FROM june.orders ORDER BY order_id;
INSERT INTO shop.order_lines SELECT * FROM june.order_lines ORDER BY order_id, line;
INSERT INTO shop.refunds OVERRIDING SYSTEM VALUE SELECT * FROM june.refunds ORDER BY refund_id;
INSERT INTO shop.reviews OVERRIDING SYSTEM VALUE SELECT * FROM june.reviews ORDER BY review_id;
SELECT format('  %s orders, %s lines, %s refunds and %s reviews inserted in %s s',
	to_char((SELECT count(*) FROM june.orders), 'FM999,999,999'), to_char((SELECT count(*) FROM june.order_lines), 'FM999,999,999'),
	to_char((SELECT count(*) FROM june.refunds), 'FM999,999,999'), to_char((SELECT count(*) FROM june.reviews), 'FM999,999,999'),
	round(extract(epoch FROM clock_timestamp() - :'started'), 1));
DROP SCHEMA june CASCADE;
