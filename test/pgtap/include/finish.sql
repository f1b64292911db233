-- How every file ends: the program is sound, and judging everything again
-- finds nothing to post.
RESET ROLE;
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify() finds nothing');
SELECT is_empty($$SELECT s.name, r.* FROM rewards.source s, rewards.reconcile(s.name) r WHERE s.attached AND s.reduces IS NULL$$,
	'reconcile() finds nothing in any source');
SELECT is_empty('SELECT * FROM rewards.verify()', 'verify() finds nothing after reconcile() either');
SELECT * FROM finish();
ROLLBACK;
