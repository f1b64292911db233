/*-------------------------------------------------------------------------
 *
 * code.c
 *	  Codes that people type: their normal form, and their check character.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "code.h"

const char	code_alphabet[CODE_RADIX + 1] = "0123456789ACDEFGHJKMNPQRTVWXY";

/* -------- reading -------- */

/* What a byte of a code stands for: itself, unless it looks like another. */
static char
fold(char c)
{
	if (c >= 'a' && c <= 'z')
		c += 'A' - 'a';
	switch (c)
	{
		case 'O':
			return '0';
		case 'I':
		case 'L':
			return '1';
		case 'Z':
			return '2';
		case 'S':
			return '5';
		case 'B':
			return '8';
		case 'U':
			return 'V';
		default:
			return c;
	}
}

/*
 * How many bytes of a text are a space, a dash, or invisible; 0: none.  What
 * word processors and mail make of spaces and dashes counts as well.
 */
static int
skipped(const unsigned char *text, size_t size)
{
	uint32_t	c;

	if (text[0] <= ' ' || text[0] == '-' || text[0] == 0x7f)
		return 1;
	if (size >= 2 && text[0] == 0xc2)
		return text[1] == 0xa0 || text[1] == 0xad ? 2 : 0;	/* no-break space, soft hyphen */
	if (size < 3 || (text[0] & 0xf0) != 0xe0)
		return 0;
	c = (uint32_t) (text[0] & 0x0f) << 12 | (uint32_t) (text[1] & 0x3f) << 6 | (text[2] & 0x3f);
	if ((c >= 0x2000 && c <= 0x2015) || /* spaces, dashes, marks of direction */
		(c >= 0x2028 && c <= 0x202f) ||
		(c >= 0x205f && c <= 0x2064) ||
		c == 0x2212 || c == 0x3000 || c == 0xfeff)
		return 3;
	return 0;
}

/* see code.h */
int
code_normalise(const char *text, size_t size, char *result)
{
	size_t		at = 0;
	int			length = 0;

	while (at < size)
	{
		int			skip = skipped((const unsigned char *) text + at, size - at);

		if (skip > 0)
		{
			at += skip;
			continue;
		}
		if (length == CODE_MAX)
		{
			length = 0;
			break;
		}
		result[length++] = fold(text[at++]);
	}
	result[length] = '\0';
	return length;
}

/* The value of a character, -1 if the alphabet does not have it. */
static int
value_of(char c)
{
	const char *found = c == '\0' ? NULL : strchr(code_alphabet, c);

	return found == NULL ? -1 : (int) (found - code_alphabet);
}

/* see code.h */
bool
code_is_plain(const char *code, int length)
{
	int			i;

	for (i = 0; i < length; i++)
	{
		if (value_of(code[i]) < 0)
			return false;
	}
	return length > 0;
}

/* -------- check characters -------- */

/* The remainder of a code to which one more character is to come. */
static int
remainder_before(const char *code, int length)
{
	int			remainder = 0;
	int			i;

	for (i = 0; i < length; i++)
		remainder = (remainder + value_of(code[i])) * 2 % CODE_RADIX;
	return remainder;
}

/* see code.h */
char
code_check_character(const char *code, int length)
{
	return code_alphabet[(CODE_RADIX + 1 - remainder_before(code, length)) % CODE_RADIX];
}

/* see code.h */
bool
code_fits(const char *code, int length)
{
	return length >= 2 && code_is_plain(code, length) &&
		code[length - 1] == code_check_character(code, length - 1);
}

/* -------- making -------- */

/* see code.h */
int
code_characters(const unsigned char *bytes, int nbytes, char *result, int wanted)
{
	int			length = 0;
	int			i;

	/* what is beyond the last whole multiple would favour some characters */
	for (i = 0; i < nbytes && length < wanted; i++)
	{
		if (bytes[i] < 256 / CODE_RADIX * CODE_RADIX)
			result[length++] = code_alphabet[bytes[i] % CODE_RADIX];
	}
	return length;
}

/* see code.h */
int
code_format(const char *code, int length, char *buffer)
{
	char	   *at = buffer;
	int			i;

	for (i = 0; i < length; i++)
	{
		/* never one character alone at the end */
		if (i > 0 && i % 4 == 0 && length - i > 1)
			*at++ = '-';
		*at++ = code[i];
	}
	*at = '\0';
	return (int) (at - buffer);
}
