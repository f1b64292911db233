/*-------------------------------------------------------------------------
 *
 * code.h
 *	  Codes that people type: their normal form, and their check character.
 *
 * Codes are compared without regard to case, spaces, dashes and look-alikes:
 * each letter that can be mistaken for another stands for the same as that
 * (O is 0; I and L are 1; Z is 2; S is 5; B is 8; U is V).  29 characters are
 * left, which is a prime: with the characters taken as digits, a code with a
 * check character is a number that leaves the remainder 1, each place counting
 * twice the one after it (as in the pure systems of ISO 7064).  2 generates all
 * remainders, so that every wrong character and every swap of two that stand
 * less than 28 places apart makes another remainder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_CODE_H
#define LOYALTY_CODE_H

#include "core.h"

#define CODE_RADIX 29

/* longest normal form, in bytes */
#define CODE_MAX 64

/* space for a normal form, and for one in groups, with the closing zero */
#define CODE_SIZE (CODE_MAX + 1)
#define CODE_TEXT_SIZE (CODE_MAX + CODE_MAX / 4 + 1)

/* the characters of generated codes, by value */
extern const char code_alphabet[CODE_RADIX + 1];

/*
 * The normal form of a text (UTF-8), with a closing zero.  Returns its length;
 * 0 if nothing is left or too much is.
 */
extern int	code_normalise(const char *text, size_t size, char *result);

/* Does a normal form consist of the alphabet's characters? */
extern bool code_is_plain(const char *code, int length);

/* The check character for a normal form of the alphabet's characters. */
extern char code_check_character(const char *code, int length);

/* Does a normal form end with its check character? */
extern bool code_fits(const char *code, int length);

/*
 * Turns random bytes into characters, all equally likely, until there are
 * wanted; some bytes are used up without one.  Returns how many there are.
 */
extern int	code_characters(const unsigned char *bytes, int nbytes, char *result, int wanted);

/*
 * A normal form as people read it, in groups of four (but for the last), with
 * dashes.  Returns its length.
 */
extern int	code_format(const char *code, int length, char *buffer);

#endif							/* LOYALTY_CODE_H */
