/*-------------------------------------------------------------------------
 *
 * zone.c
 *	  The server's time zones, as the core's calendar wants them.
 *
 * Conversions give what AT TIME ZONE gives, also where a local time is missing
 * or comes twice.  As they are made for every purchase, the offsets of a zone
 * from 1970 to 2100 are looked up once and kept; other times take the server's
 * own way each time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/datetime.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "loyalty.h"
#include "types/zone.h"

/* Unix times between which offsets are kept */
#define TABLE_START		INT64CONST(0)
#define TABLE_END		INT64CONST(4102444800)

#define UNIX_EPOCH		(-(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* stretches of time, 102 days each, of which is kept what offset each begins with */
#define STRETCH_BITS	43
#define STRETCHES		((int) (((TABLE_END - TABLE_START) * USECS_PER_SEC >> STRETCH_BITS) + 1))

/* from an instant on, local time is UTC + offset (microseconds) */
typedef struct ZoneOffset
{
	Instant		start;
	int64		offset;
} ZoneOffset;

/*
 * What is kept of a zone.  The array has one element more than there are
 * offsets, which says where the last one ends: INSTANT_NEVER if it does not.
 * No offsets are kept if the server's functions disagree about them.
 */
typedef struct ZoneTable
{
	pg_tz	   *tz;				/* hash key */
	int			count;
	ZoneOffset *offsets;
	uint16	   *first;			/* by stretch since the first offset's start */
} ZoneTable;

/* all zones used in this backend, and the latest of them */
static HTAB *zone_tables = NULL;
static ZoneTable *latest_table = NULL;

static int64 zone_to_local(void *arg, Instant instant);
static Instant zone_from_local(void *arg, int64 local);
static void build_table(ZoneTable *table);

/* A zone by its name. */
pg_tz *
zone_lookup(const char *name)
{
	pg_tz	   *tz = name[0] == '\0' ? NULL : pg_tzset(name);

	/* zones that count leap seconds do not fit timestamps */
	return tz != NULL && pg_tz_acceptable(tz) ? tz : NULL;
}

/* The core's view of a zone. */
Zone
zone_for_tz(pg_tz *tz)
{
	Zone		zone;

	if (latest_table == NULL || latest_table->tz != tz)
	{
		ZoneTable  *table;
		bool		found;

		if (zone_tables == NULL)
		{
			HASHCTL		info = {0};

			info.keysize = sizeof(pg_tz *);
			info.entrysize = sizeof(ZoneTable);
			info.hcxt = TopMemoryContext;
			zone_tables = hash_create("loyalty time zones", 16, &info,
									  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		}
		table = hash_search(zone_tables, &tz, HASH_ENTER, &found);
		if (!found)
		{
			/* should building fail, the table is a valid, empty one */
			table->count = 0;
			table->offsets = NULL;
			table->first = NULL;
			build_table(table);
		}
		latest_table = table;
	}
	zone.to_local = zone_to_local;
	zone.from_local = zone_from_local;
	zone.arg = latest_table;
	return zone;
}

/* Notes the offsets of a zone. */
static void
build_table(ZoneTable *table)
{
	int			room = 16;
	int			count = 0;
	ZoneOffset *offsets = MemoryContextAlloc(TopMemoryContext,
											 room * sizeof(ZoneOffset));
	uint16	   *first;
	pg_time_t	start = TABLE_START;
	int			more = 1;
	int			at = 0;
	int			i;

	while (more == 1 && start < TABLE_END)
	{
		struct pg_tm *local = pg_localtime(&start, table->tz);
		long int	before,
					after;
		int			before_dst,
					after_dst;
		pg_time_t	end;

		more = pg_next_dst_boundary(&start, &before, &before_dst, &end,
									&after, &after_dst, table->tz);
		if (more < 0 || local == NULL || local->tm_gmtoff != before ||
			(more == 1 && end <= start))
		{
			pfree(offsets);
			return;
		}
		if (count + 2 > room)
		{
			room *= 2;
			offsets = repalloc(offsets, room * sizeof(ZoneOffset));
		}
		offsets[count].start = start * USECS_PER_SEC + UNIX_EPOCH;
		offsets[count].offset = before * USECS_PER_SEC;
		count++;
		start = end;
	}
	offsets[count].start = more == 1 ? start * USECS_PER_SEC + UNIX_EPOCH :
		INSTANT_NEVER;
	offsets[count].offset = 0;
	first = MemoryContextAlloc(TopMemoryContext, STRETCHES * sizeof(uint16));
	for (i = 0; i < STRETCHES; i++)
	{
		while (at + 1 < count &&
			   offsets[at + 1].start <= offsets[0].start + ((int64) i << STRETCH_BITS))
			at++;
		first[i] = (uint16) at;
	}
	table->offsets = offsets;
	table->first = first;
	table->count = count;
}

/* Finds the offset in force at an instant; -1 if it is not kept. */
static inline int
find_offset(const ZoneTable *table, Instant at)
{
	const ZoneOffset *offsets = table->offsets;
	uint64		stretch;
	int			i;

	if (table->count == 0 || at < offsets[0].start || at >= offsets[table->count].start)
		return -1;

	/* the clocks are changed so rarely that it is this one or the next */
	stretch = ((uint64) at - (uint64) offsets[0].start) >> STRETCH_BITS;
	i = table->first[Min(stretch, STRETCHES - 1)];
	while (at >= offsets[i + 1].start)
		i++;
	return i;
}

/* Local time of an instant. */
static int64
zone_to_local(void *arg, Instant instant)
{
	ZoneTable  *table = arg;
	int			i = find_offset(table, instant);
	pg_time_t	second;
	struct pg_tm *local;

	if (i >= 0)
		return instant + table->offsets[i].offset;

	second = (instant - UNIX_EPOCH) / USECS_PER_SEC;
	if ((instant - UNIX_EPOCH) % USECS_PER_SEC < 0)
		second--;
	local = pg_localtime(&second, table->tz);
	return local == NULL ? instant : instant + local->tm_gmtoff * USECS_PER_SEC;
}

/*
 * The instant of a local time.  Where clocks are changed, both offsets are
 * tried: of a missing time, the one before holds, so that it comes out later;
 * of a double time, the one after.
 */
static Instant
zone_from_local(void *arg, int64 local)
{
	ZoneTable  *table = arg;
	int			i = find_offset(table, local - USECS_PER_DAY);
	struct pg_tm tm;
	fsec_t		fsec;

	/* the change that matters is the first one after a day before */
	if (i >= 0 && table->offsets[i + 1].start == INSTANT_NEVER)
		return local - table->offsets[i].offset;
	if (i >= 0 && i + 1 < table->count)
	{
		Instant		change = table->offsets[i + 1].start;
		Instant		before = local - table->offsets[i].offset;
		Instant		after = local - table->offsets[i + 1].offset;

		if (before < change && after < change)
			return before;
		if (before > change && after >= change)
			return after;
		return Max(before, after);
	}

	if (timestamp2tm(local, NULL, &tm, &fsec, NULL, NULL) != 0)
		return local;			/* beyond the calendar anyway */
	return local + DetermineTimeZoneOffset(&tm, table->tz) * USECS_PER_SEC;
}
