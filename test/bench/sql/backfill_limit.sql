BEGIN;
\ir conventional_history.sql
COMMIT;
