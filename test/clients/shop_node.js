// A small shop by node-postgres.
'use strict';
const { Client } = require('pg');

let done = 0;
function is(name, came, expected) {
	const ok = JSON.stringify(came) === JSON.stringify(expected);
	console.log(`${ok ? 'ok' : 'not ok'} ${++done} - ${name}`);
	if (!ok) console.log(`# expected: ${JSON.stringify(expected)}\n# came:     ${JSON.stringify(came)}`);
}

async function main() {
	const db = new Client();
	await db.connect();
	const rows = async (sql, args) => (await db.query({ text: sql, values: args, rowMode: 'array' })).rows;

	await db.query('CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL, total numeric(12,2), placed_at timestamptz)');
	await db.query("SELECT loyalty.create_program('rewards', member_type => 'bigint', time_zone => 'UTC', currency => 'EUR', test_clock => true)");
	await db.query('SELECT rewards.set_clock($1)', [new Date('2026-03-02T12:00:00Z')]);
	await db.query('SELECT rewards.attach($1, member => $2, amount => $3, occurred_at => $4)', ['orders', 'customer', 'total', 'placed_at']);
	await db.query('INSERT INTO rewards.rule (name, source, earn) VALUES ($1, $2, $3)', ['base', 'orders', '1 per full 10']);

	const customer = '9007199254740993';	// more than a double can tell
	for (let i = 1; i <= 5; i++)
		await db.query({ name: 'order', text: 'INSERT INTO orders VALUES ($1, $2, $3, $4)', values: [i, customer, '25.00', new Date('2026-03-02T11:00:00Z')] });
	is('balances', await rows('SELECT member_id, available FROM rewards.balances'), [[customer, '10']]);
	is('a document', await rows('SELECT rule, points FROM rewards.preview($1, $2)', ['orders', JSON.stringify({ customer: 1, total: 99.99 })]), [['base', '9']]);
	is('a call with a key, twice', [
		await rows('SELECT id, status, available FROM rewards.spend($1, $2, key => $3)', [customer, 4, 'a']),
		await rows('SELECT id, status, available FROM rewards.spend($1, $2, key => $3)', [customer, 4, 'a'])],
		[[['1', 'done', '6']], [['1', 'done', '6']]]);
	let came;
	try {
		await db.query('SELECT rewards.spend($1, 7)', [customer]);
	} catch (e) {
		came = [e.code, e.schema, e.table, e.column, e.constraint, JSON.parse(e.dataType).missing];
	}
	is('a refusal', came, ['LY001', 'rewards', 'balances', 'available', 'insufficient_points', 1]);
	is('the configuration, as it is written', await rows('SELECT earn FROM rewards.rule'), [['1 per full 10']]);
	is('verify()', await rows('SELECT * FROM rewards.verify()'), []);
	await db.end();
	console.log(`1..${done}`);
}

main().catch((e) => { console.log(`Bail out! ${e.message}`); process.exit(1); });
