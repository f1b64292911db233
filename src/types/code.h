/*-------------------------------------------------------------------------
 *
 * code.h
 *	  Codes as the server's texts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_TYPES_CODE_H
#define LOYALTY_TYPES_CODE_H

#include "core/code.h"

/*
 * The normal form of a text of the server's encoding; code has CODE_SIZE bytes.
 * Returns its length, 0 if it has none.
 */
extern int	code_from_text(const char *text, char *code);

/* A normal form as people read it, palloc'd. */
extern char *code_to_text(const char *code);

/* A random code of so many characters after a prefix, a normal form; palloc'd. */
extern char *code_random(const char *prefix, int length);

#endif							/* LOYALTY_TYPES_CODE_H */
