COPY (SELECT * FROM rewards.account) TO '/dev/null';
