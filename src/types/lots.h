/*-------------------------------------------------------------------------
 *
 * lots.h
 *	  The SQL type lots: a balance as a function of time.
 *
 * On disk: the length word of a variable-length value, a version, flags, and
 * then the pieces, sorted as lot_piece_cmp says.  As the type has double
 * alignment and the pieces begin at byte 8, they can be used where they lie
 * if the value is neither compressed, nor out of line, nor has a short
 * header: as in columns of STORAGE PLAIN.
 *
 *		0	int32	length word
 *		4	uint16	version, 1
 *		6	uint16	flags: 0, or LOTS_PACKED
 *		8	LotPiece[], 32 bytes each: points int64, from int64, to int64,
 *			unit int32, reserved int32 (0)
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TYPES_LOTS_H
#define LOYALTY_TYPES_LOTS_H

#include "fmgr.h"
#include "utils/memutils.h"

#include "core/lots.h"
#include "compat.h"

#define LOTS_VERSION 1

/* flag: behind the header stands the form of lots_pack.h, not pieces */
#define LOTS_PACKED 1

typedef struct LotsData
{
	int32		vl_len_;		/* (do not touch directly!) */
	uint16		version;
	uint16		flags;			/* 0 once lots_from_datum has seen it */
	LotPiece	pieces[FLEXIBLE_ARRAY_MEMBER];
} LotsData;

typedef LotsData *Lots;

#define LOTS_HEADER_SIZE	offsetof(LotsData, pieces)
#define LOTS_SIZE(n)		(LOTS_HEADER_SIZE + (n) * sizeof(LotPiece))
#define LOTS_MAX_PIECES		((int) ((MaxAllocSize - LOTS_HEADER_SIZE) / sizeof(LotPiece)))

/* these take a value that DatumGetLotsP returned */
#define LOTS_COUNT(lots) \
	((int) ((VARSIZE(lots) - LOTS_HEADER_SIZE) / sizeof(LotPiece)))
#define LOTS_PIECES(lots)	((lots)->pieces)

/*
 * The value of a datum; a copy only if the datum cannot be used where it
 * lies.  Refuses a form made by a newer version.
 */
extern Lots lots_from_datum(Datum datum);

/*
 * The pieces of a datum in an array of their own, that has room for some more.
 */
extern LotPiece *lots_pieces_from_datum(Datum datum, int spare, int *count);

#define DatumGetLotsP(X)	lots_from_datum(X)
#define LotsPGetDatum(X)	PointerGetDatum(X)
#define PG_GETARG_LOTS_P(n) DatumGetLotsP(PG_GETARG_DATUM(n))
#define PG_RETURN_LOTS_P(x) return LotsPGetDatum(x)

/* The same in few bytes, for rows that are written often. */
extern Lots lots_make_packed(const LotPiece *pieces, int n);

/* A value with room for n pieces, to be filled in and then given to lots_end. */
extern Lots lots_begin(int n);
extern void lots_end(Lots lots, int n);

/* A value of n pieces, which must be sorted, merged and valid. */
extern Lots lots_make(const LotPiece *pieces, int n);

/* Reports a piece whose unit or validity cannot be. */
extern void lots_check_piece(const LotPiece *piece);

#endif							/* LOYALTY_TYPES_LOTS_H */
