COPY (SELECT * FROM rewards.standing) TO '/dev/null';
