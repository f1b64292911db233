#include "postgres.h"

#include "engine/pages.h"

void pages_attach(Ledger *ledger, AccountState *account, Datum paged) {}
void pages_bring_in_due(Ledger *ledger, AccountState *account, TimestampTz now) {}
TimestampTz pages_next_due(AccountState *account) { return INSTANT_NEVER; }
void pages_balance(Ledger *ledger, AccountState *account) {}
Datum pages_summary(AccountState *account) { return (Datum) 0; }
