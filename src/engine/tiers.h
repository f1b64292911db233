/*-------------------------------------------------------------------------
 *
 * tiers.h
 *	  Where members stand: tiers of accounts, kept along with their lots.
 *
 * An account's row holds where its member stands, and since when.  While the
 * account moves, a walk (core/tier.h) follows the lines of qualifying units.
 * It stands where anything happened last: at a line, or at what was due since,
 * which a movement goes through up to now.  So a line that is dated earlier
 * than now is in order if nothing has happened since its instant; else it is
 * late, and if anything may change by it, the time from its instant on is judged
 * again.  A backfill goes on where the rows are: what is due between its rows
 * and now is left until it is done.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TIERS_H
#define LOYALTY_TIERS_H

#include "core/tier.h"
#include "engine/ledger.h"
#include "utils/array.h"
#include "utils/jsonb.h"

/* all groups of a program, in all versions */
typedef struct TierConfig
{
	int32		version;		/* of the configuration, the last that touched groups */
	int			ngroups;
	TierGroup  *groups;			/* by number */
	char	  **group_names;	/* by group */
	text	  **group_texts;	/* the same */
	bool	   *group_deleted;
	bool	   *group_tops_up;
	int			nunits;			/* that ever qualified */
	int32	   *units;			/* by slot */
	int			ntiers;
	bool		carries;		/* some group carries points over, or did */
	bool		tops_up;		/* some group tops up */
	int			ntenures;		/* tiers that are for life after some years */
	TierTenure *tenures;		/* of nobody yet */
	int32	   *tier_nos;
	char	  **tier_names;		/* present or last names */
	text	  **tier_texts;		/* the same */
	int		   *tier_groups;	/* index of the group */
} TierConfig;

/* a stay, from an instant on, until the next */
typedef struct TierStay
{
	TierState	state;
	Instant		at;
	TierCause	cause;
	int			group;			/* index */
	int64		operation_no;	/* by hand */
	Instant		posted_at;
} TierStay;

/* a line of a qualifying unit */
typedef struct TierLine
{
	Instant		at;
	Instant		from;
	Instant		to;
	Points		points;
	int32		slot;
	bool		carried;		/* over from the period before: the walk knows */
	bool		lot;			/* what remains of it, or of more of one instant */
	bool		half;			/* repays debt: the next one gives the points again,
								 * nothing is judged between */
	int32		ord;			/* among those of one instant */
} TierLine;

/* points carried over at an instant, to be booked; < 0: fewer than were */
typedef struct TierCarry
{
	int			slot;
	Points		points;
	Instant		at;
	Instant		to;
} TierCarry;

typedef struct TierPath
{
	TierStay   *stays;
	int			count;
	int			capacity;
} TierPath;

/* the tiers of an account in memory */
typedef struct AccountTiers
{
	TierConfig *config;
	TierWalk	walk;
	MemoryContext context;
	Instant		quiet_since;	/* since then points were only added, and nothing
								 * changed by it; not after walk.at */
	Instant		plain_since;	/* since then points were only added, which counted
								 * at once, and none began or ended by itself */
	Instant		asked_at;		/* the latest instant that was asked for */
	LotPiece   *base;			/* lots as of the account's last instant */
	int			nbase;
	LotPiece   *spent;			/* points spent, which count until they would have
								 * lapsed: spending never demotes */
	int			nspent;
	int			spent_capacity;
	LotPiece   *ended;			/* points that lapsed in a backfill, which the walk
								 * may not have come to yet */
	int			nended;
	int			ended_capacity;
	bool		built;			/* the walk's heap knows when lots begin and end */
	Instant		next_change;	/* as long as it does not: nothing does before */

	TierLine   *lines;			/* since the account was read, or more */
	int			nlines;
	int			lines_capacity;
	int			sorted_lines;	/* so many are sorted, see tiers_judge_again */
	Instant		lines_since;	/* lines after it are all there; INSTANT_NEVER:
								 * those before the account was read are not */
	int64		read_entries;	/* lines there were when it was read */

	TierPath	path;			/* likewise */
	bool		all_stays;
	TierPath	stored;			/* if all_stays: as the table has it */
	TierCarry  *carries;		/* that the walk has told of, not booked yet */
	int			ncarries;
	int			carries_capacity;
	bool		rests;			/* lines are told that change nothing in sum */
	TierCause	cause;			/* of what the walk tells */
	int64		operation_no;
	int64		nchanges;		/* rows of tier_change, numbered from 1 */
	bool		says_nothing;	/* of them: the account's row is empty, but has moved */
} AccountTiers;

/* The groups of tiers that an account is judged by; NULL: there are none. */
static inline const TierConfig *
account_tier_config(const AccountState *account)
{
	return account->tiers ? account->tiers->config : NULL;
}

/* Whether a line moves what qualifies: not those by which points are spent. */
static inline bool
tiers_counts(const Movement *m)
{
	return m->points != 0 && m->kind != ENTRY_REDEEM && m->kind != ENTRY_RETURN &&
		m->kind != ENTRY_HOLD && m->kind != ENTRY_RELEASE && m->kind != ENTRY_ROLLOVER &&

		/* lots end by themselves */
		(m->kind != ENTRY_EXPIRE || m->to == INSTANT_ACTIVITY);
}

/* The slot of a unit; -1 if it has none. */
static inline int
tiers_slot(const TierConfig *config, int32 unit_no)
{
	for (int slot = 0; slot < config->nunits; slot++)
	{
		if (config->units[slot] == unit_no)
			return slot;
	}
	return -1;
}

/* Whether any group of a program tops up. */
static inline bool
tiers_top_up_any(const TierConfig *config)
{
	return config != NULL && config->tops_up;
}

/* Whether a line takes from a lot what the next gives to the unit's debt. */
static inline bool
tiers_half(const Movement *m)
{
	return m->kind == ENTRY_REPAY && m->points < 0;
}

/* -------- tier_load.c -------- */

/* Loads the groups; NULL if there never was any.  Inside SPI. */
extern TierConfig *tiers_load(Program *program);
/*
 * How they are put together: versions of groups, then of tiers, both in the
 * order of groups and versions.  Names and needs must live as long.
 */
typedef struct TierReader
{
	TierConfig *config;
	int			max_groups;
	int			max_tiers;
	int32	   *versions;		/* of ladders */
} TierReader;

extern TierReader *tier_reader_begin(int ngroups, int ntiers);
extern void tier_reader_group(TierReader *reader, int32 group_no, int32 version, char *name,
							  bool deleted, bool tops_up, const TierLadder *ladder);
extern void tier_reader_tier(TierReader *reader, int32 group_no, int32 version, char *name,
							 const TierStep *step);
/* Once all is read. */
extern TierConfig *tier_reader_end(TierReader *reader);
/* A time zone by its name; an error if there is none. */
extern Zone tiers_zone(const char *name);
/* The same from program.tiers, which views bring; in standing.c. */
extern TierConfig *tiers_from_view(Datum json);
/* The slot of a unit, which it gets if it has none. */
extern int	tiers_make_slot(TierConfig *config, int32 unit_no);
extern const char *tiers_name(const TierConfig *config, int32 tier_no);
/* Names of tiers held, by group: as JSON, NULL: none; that in the first group, NULL: none. */
extern char *tiers_json(const TierConfig *config, const char **held);
extern const char *tiers_first(const TierConfig *config, const char **held);
/* The index of a group by name, NULL: the only one; an error if there is none. */
extern int	tiers_group(const Program *program, const char *name);
/* The number of a tier of a group by name, 0 if there is none. */
extern int32 tiers_find(const TierConfig *config, int group, const char *name);
/* The number of a tier of a group by name; an error if there is none. */
extern int32 tiers_number(const TierConfig *config, int group, const char *name);

/* -------- tier_store.c -------- */

/* Reads what the account's row says; to be called when its lots are read. */
extern void tiers_attach(TierConfig *config, AccountState *account, Datum value, bool isnull);
/* The walk of who joins later than now, by a purchase dated ahead, begins now. */
extern void tiers_begin_by(AccountState *account, Instant now);
/* Takes the lots as they are, before what is due is booked. */
extern void tiers_before_advance(AccountState *account);
/*
 * For readers: tells the walk what will be repaid by an instant from lots that
 * begin by then, which nobody has booked yet.
 */
extern void tiers_foresee(AccountState *account, Instant until);
/* Books the changes up to the account's instant; the value for account.tiers. */
extern Datum tiers_save(Ledger *ledger, AccountState *account, bool *isnull);
/* A TierSink; arg is an AccountTiers. */
extern void tiers_note(void *arg, int group, const TierState *state, Instant at,
					   TierCause cause);

/* -------- tier_pack.c -------- */

/* what an account's row says, while it is being read */
typedef struct TierUnpack
{
	Instant		stands_at;		/* where the walk stands */
	Instant		quiet_since;
	Instant		plain_since;
	int64		nchanges;
	int32		version;		/* of the configuration that it was judged by */
	int			nstates;
	int			ntenures;
	int			nspent;
	const unsigned char *at;
	const unsigned char *limit;
} TierUnpack;

/* Whether there is anything to keep. */
extern bool tiers_say_anything(const AccountTiers *tiers);
/* The value for account.tiers. */
extern bytea *tiers_pack(const AccountTiers *tiers);
/*
 * Reads it: the head, then all states, all tenures (the tier, for how long it has
 * been held), and the spent lots, for which there is room.  An error if it is
 * malformed.
 */
extern void tiers_unpack(const bytea *bytes, TierUnpack *from);
extern void tiers_unpack_state(TierUnpack *from, TierState *state);
extern int32 tiers_unpack_tenure(TierUnpack *from, int64 *held);
extern void tiers_unpack_spent(TierUnpack *from, LotPiece *spent);

/* -------- tier_account.c -------- */

/* Follows a line of the ledger. */
extern void tiers_follow(Ledger *ledger, AccountState *account, const Movement *movement);
/* Goes to an instant if the walk is not there yet. */
extern void tiers_walk(AccountState *account, Instant at);
/* Goes through what is due up to an instant, no further than that. */
extern void tiers_pass(AccountState *account, Instant at);
/* Tells the walk when all lots begin and end. */
extern void tiers_know_lots(AccountState *account);
/* Where a member stands at an instant, group by group: numbers of tiers. */
extern void tiers_at(Ledger *ledger, AccountState *account, Instant at, int32 *tier_nos);
/* Likewise before anything was earned at that instant. */
extern void tiers_before(Ledger *ledger, AccountState *account, Instant at, int32 *tier_nos);
/* Gives a tier by hand at the account's instant; see tier_give. */
extern void tiers_give(AccountState *account, int group, int32 tier_no, Instant until,
					   int64 operation_no);
/* Names of tiers that a member holds, by group, NULL: none; returns how many groups. */
extern int	tiers_held(Ledger *ledger, AccountState *account, Instant at, const char **names);
/* Whether a member holds one of the tiers named. */
extern bool tiers_any_held(Ledger *ledger, AccountState *account, Instant at, ArrayType *names);

/* -------- book.c -------- */

/* Books some of the accounts that a backfill has left where its rows were; false: all. */
extern bool tiers_catch_up(Program *program);

/* -------- tier_carry.c -------- */

/* A TierCarrySink; arg is an AccountTiers. */
extern void tiers_note_carry(void *arg, int slot, Points points, Instant at, Instant to);
/*
 * Judged again from an instant on: what was noted from there on is forgotten,
 * and once that is done, what was booked is taken off what is noted.
 */
extern void tiers_forget_carries(AccountTiers *tiers, Instant from);
extern void tiers_compare_carries(AccountTiers *tiers, Instant from);
/* Books what is carried over by the account's instant. */
extern void tiers_book_carries(Ledger *ledger, AccountState *account);
/* Takes groups as they were configured by an instant; in tier_read.c. */
extern void tiers_configured_by(AccountState *account, Instant known_at);
/* Adds what is carried over by an instant, and not booked, to lots that are read. */
extern void tiers_read_carries(AccountState *account, Instant at);
/* The same of lots as they were known by an instant; in tier_read.c. */
extern void tiers_read_past_carries(Ledger *reader, AccountState *account, Instant at,
									Instant known_at);
/* The tenures at an instant, by the stays up to it. */
extern void tiers_rewind_years(AccountTiers *tiers, const TierPath *path, Instant at);

/* -------- tier_top_up.c -------- */

/*
 * Notes that events of a member from an instant on may be topped up, if the
 * stays are higher now than they were in a group that tops up.
 */
extern void tiers_note_top_up(Ledger *ledger, AccountState *account, const TierPath *before,
							  Instant from);
/* Tops up what was noted; after the ledger was closed. */
extern void tiers_top_up(Program *program, List *top_ups);
/*
 * Whether it matters for what is topped up if that is done after every row that
 * raises a tier, or once for all of them: a higher tier may earn less, or there
 * is a cap.
 */
extern bool tiers_top_up_in_order(const Program *program);

/* -------- tier_history.c -------- */

/* Makes all stays known, those in the table included. */
extern void tiers_know_stays(Ledger *ledger, AccountState *account);
/* Whether the line told last, which is late, is not enough for another tier at any instant. */
extern bool tiers_reaches_nothing(Ledger *ledger, AccountState *account);
/* Judges again from an instant on, at which the line told last is dated. */
extern void tiers_judge_again(Ledger *ledger, AccountState *account, Instant from);
/* The last so many stays were reached in order, by a row of an instant that is past. */
extern void tiers_reached(Ledger *ledger, AccountState *account, int nstays, Instant at);
/* Has the ledger write stays that are not in the table yet. */
extern void tiers_write(Ledger *ledger, AccountState *account);

/* -------- tier_lines.c -------- */

/* Whether the lots tell what lines did from an instant on. */
extern bool tiers_lots_tell(const Ledger *ledger, const AccountState *account, Instant from);
/*
 * The member moves to another time zone: a row of earlier than now will have all
 * stays since its instant judged again, by the new one.
 */
extern void tiers_zone_changes(AccountState *account);
/* Makes all lines after an instant, and at it, known, and what was valid then. */
extern void tiers_know_lines(Ledger *ledger, AccountState *account, Instant from);
/* Sorts the lines by instant, then as they were written. */
extern void tiers_sort_lines(AccountTiers *tiers);

/* -------- tier_path.c -------- */

extern void tier_path_add(TierPath *path, const TierStay *stay);
/* The last stay of a group that began by an instant; NULL if none. */
extern const TierStay *tier_path_find(const TierPath *path, int group, Instant at);
/* Likewise before anything was earned at that instant. */
extern const TierStay *tier_path_before(const TierPath *path, int group, Instant at);
/* Removes stays of a group that began at or after an instant. */
extern void tier_path_cut(TierPath *path, int group, Instant at);
extern void tier_path_copy(TierPath *to, const TierPath *from);
/* The number of a member's last row of tier_change, 0 if there is none. */
extern int64 tier_path_last_no(Ledger *ledger, Datum member);
/* As table tier_change has it. */
extern const char *tier_cause_name(TierCause cause);
/* Stays of a member that were known by an instant, in effect. */
extern void tier_path_read(Ledger *ledger, Datum member, const TierConfig *config,
						   Instant known_at, TierPath *path);
/*
 * The stay of a group in effect at an instant, as far as was known by another;
 * false: there was none.  *last: no row known was written later.
 */
extern bool tier_stay_read(Ledger *ledger, Datum member, const TierConfig *config, int group,
						   Instant at, Instant known_at, TierStay *stay, Instant *last);

#endif							/* LOYALTY_TIERS_H */
