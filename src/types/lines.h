/*-------------------------------------------------------------------------
 *
 * lines.h
 *	  The SQL type lines: lines of the ledger, packed.
 *
 * On disk: a variable-length value whose bytes are the form of lines_pack.h,
 * which begins with its version.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TYPES_LINES_H
#define LOYALTY_TYPES_LINES_H

#include "fmgr.h"

#include "core/lines_pack.h"
#include "compat.h"

/*
 * Begins to read a value, which is detoasted if it must be: bytes, as short as
 * they are stored.
 */
extern void lines_begin(struct varlena *lines, LinesCursor *cursor);

/* Reads the next line; false if there is none. */
extern bool lines_next(LinesCursor *cursor, Movement *line);

#define DatumGetLinesPP(X)	((struct varlena *) PG_DETOAST_DATUM_PACKED(X))
#define PG_GETARG_LINES_PP(n) DatumGetLinesPP(PG_GETARG_DATUM(n))

#endif							/* LOYALTY_TYPES_LINES_H */
