CREATE UNIQUE INDEX ledger_purchase ON conv.ledger (purchase_id, rule);
CREATE INDEX ledger_open_lots ON conv.ledger (member_id, unit, expires_at) WHERE remaining > 0;
