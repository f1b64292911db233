// A small shop by JDBC.
import java.math.BigDecimal;
import java.sql.*;
import java.time.OffsetDateTime;
import java.util.Objects;
import java.util.Properties;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class ShopJdbc {
	static int done = 0;

	static void is(String name, Object came, Object expected) {
		boolean ok = Objects.equals(came, expected);
		System.out.println((ok ? "ok " : "not ok ") + ++done + " - " + name);
		if (!ok)
			System.out.println("# expected: " + expected + "\n# came:     " + came);
	}

	/** A statement's parameters, as an application sets them. */
	static PreparedStatement bind(Connection db, String sql, Object... args) throws SQLException {
		PreparedStatement s = db.prepareStatement(sql);
		for (int i = 0; i < args.length; i++)
			s.setObject(i + 1, args[i]);
		return s;
	}

	/** The first row, its columns as JDBC has them, joined by a bar. */
	static String row(Connection db, String sql, Object... args) throws SQLException {
		try (PreparedStatement s = bind(db, sql, args); ResultSet r = s.executeQuery()) {
			if (!r.next())
				return null;
			StringBuilder line = new StringBuilder();
			for (int i = 1; i <= r.getMetaData().getColumnCount(); i++)
				line.append(i > 1 ? "|" : "").append(r.getObject(i));
			return line.toString();
		}
	}

	public static void main(String[] args) throws Exception {
		Properties p = new Properties();
		p.setProperty("user", System.getenv("PGUSER"));
		String url = "jdbc:postgresql://127.0.0.1:" + System.getenv("RELAY_PORT") + "/" + System.getenv("PGDATABASE");
		OffsetDateTime noon = OffsetDateTime.parse("2026-03-02T12:00:00Z");

		try (Connection db = DriverManager.getConnection(url, p)) {
			db.setAutoCommit(false);
			try (Statement s = db.createStatement()) {
				s.execute("CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL, total numeric(12,2), placed_at timestamptz)");
			}
			row(db, "SELECT loyalty.create_program(?, member_type => ?, time_zone => 'UTC', currency => 'EUR', test_clock => true)", "rewards", "bigint");
			row(db, "SELECT rewards.set_clock(?)", noon);
			row(db, "SELECT rewards.attach(?::regclass, member => ?, amount => ?, occurred_at => ?)", "orders", "customer", "total", "placed_at");
			bind(db, "INSERT INTO rewards.rule (name, source, earn) VALUES (?, ?, ?)", "base", "orders", "3 per 2").execute();
			bind(db, "UPDATE rewards.unit SET expires = ?", "12 months").execute();
			db.commit();

			try (PreparedStatement s = db.prepareStatement("INSERT INTO orders VALUES (?, ?, ?, ?)")) {
				for (int i = 1; i <= 20; i++) {
					s.setLong(1, i);
					s.setLong(2, 9007199254740993L);
					s.setBigDecimal(3, new BigDecimal("2.00"));
					s.setObject(4, noon);
					s.addBatch();
				}
				s.executeBatch();
			}
			db.commit();
			is("balances, after a batch", row(db, "SELECT member_id, available FROM rewards.balances"), "9007199254740993|60");
			// the driver prepares on the server, and goes over to binary, after five calls
			for (int i = 1; i <= 6; i++)
				is("a prepared call, time " + i, row(db, "SELECT rewards.balance(?)", 9007199254740993L), "60");
			is("the configuration, as it is written", row(db, "SELECT r.earn, u.expires FROM rewards.rule r, rewards.unit u"), "3 per 2|12 months");
			is("a call with a key", row(db, "SELECT id, status, available FROM rewards.spend(?, ?, key => ?)", 9007199254740993L, new BigDecimal("10"), "k"), "1|done|50");
			is("the same again", row(db, "SELECT id, status, available FROM rewards.spend(?, ?, key => ?)", 9007199254740993L, new BigDecimal("10"), "k"), "1|done|50");
			db.commit();
			String came = null;
			try {
				row(db, "SELECT rewards.spend(?, ?)", 9007199254740993L, new BigDecimal("51"));
			} catch (PSQLException e) {
				ServerErrorMessage m = e.getServerErrorMessage();
				came = String.join("|", e.getSQLState(), m.getSchema(), m.getTable(), m.getColumn(), m.getConstraint(),
					m.getDatatype().contains("\"available\": 50") ? "50" : m.getDatatype());
			}
			is("a refusal", came, "LY001|rewards|balances|available|insufficient_points|50");
			db.rollback();
			is("verify()", row(db, "SELECT * FROM rewards.verify()"), null);
		}
		System.out.println("1.." + done);
	}
}
