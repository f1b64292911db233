INSERT INTO rewards.voucher (code, operation_no, pool_no) SELECT s.string, 0, 1 FROM strings AS s;
