/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Reading and writing the pieces that the text forms share.
 *
 *-------------------------------------------------------------------------
 */
#include "scan.h"

/* Is this white space, as the server's own input functions see it? */
static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Is this an ASCII digit? */
static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* An ASCII letter in lower case, or 0 for anything else. */
static inline char
lower_letter(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 'a';
	return c >= 'a' && c <= 'z' ? c : 0;
}

/* A scanner at the start of a text. */
Scanner
scan_start(const char *string, size_t length)
{
	Scanner		result;

	result.next = string;
	result.end = string + length;
	return result;
}

/* Has everything been read? */
bool
scan_done(const Scanner *in)
{
	return in->next == in->end;
}

/* Skips white space. */
bool
scan_space(Scanner *in)
{
	const char *start = in->next;

	while (in->next < in->end && is_space(*in->next))
		in->next++;
	return in->next > start;
}

/* Takes one given character. */
bool
scan_char(Scanner *in, char c)
{
	if (in->next == in->end || *in->next != c)
		return false;
	in->next++;
	return true;
}

/* Takes a run of letters; returns its length, 0 if there is none. */
static size_t
scan_letters(Scanner *in, const char **letters)
{
	*letters = in->next;
	while (in->next < in->end && lower_letter(*in->next) != 0)
		in->next++;
	return in->next - *letters;
}

/* Takes a given word. */
bool
scan_word(Scanner *in, const char *word)
{
	Scanner		ahead = *in;
	const char *letters;
	size_t		length = scan_letters(&ahead, &letters);

	for (size_t i = 0; i < length; i++)
		if (lower_letter(letters[i]) != word[i])
			return false;
	if (length == 0 || word[length] != '\0')
		return false;
	*in = ahead;
	return true;
}

/* see scan.h */
bool
scan_fits(CoreResult status, bool *range)
{
	*range |= status == CORE_RANGE;
	return status != CORE_SYNTAX;
}

/* Takes a whole number. */
CoreResult
scan_whole(Scanner *in, int64_t max, int64_t *result)
{
	int64_t		value = 0;
	bool		fits = true;

	if (in->next == in->end || !is_digit(*in->next))
		return CORE_SYNTAX;
	for (; in->next < in->end && is_digit(*in->next); in->next++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *in->next - '0', &value))
			fits = false;
	if (!fits || value > max)
		return CORE_RANGE;
	*result = value;
	return CORE_OK;
}

/*
 * Takes a decimal number.  It is summed up below zero, where there is one
 * value more, and negated in the end.
 */
CoreResult
scan_decimal(Scanner *in, int decimals, bool sign, int64_t *result)
{
	Scanner		ahead = *in;
	int64_t		value = 0;
	int			left = decimals;	/* decimals still to come */
	bool		negative = false;
	bool		point = false;
	bool		digits = false;
	bool		fits = true;

	if (sign && !scan_char(&ahead, '+'))
		negative = scan_char(&ahead, '-');

	for (; ahead.next < ahead.end; ahead.next++)
	{
		char		c = *ahead.next;

		if (c == '.' && !point)
		{
			point = true;
			continue;
		}
		if (!is_digit(c))
			break;
		digits = true;
		if (point && left == 0)
		{
			if (c != '0')
				return CORE_SYNTAX;
			continue;
		}
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_sub_overflow(value, c - '0', &value))
			fits = false;
		if (point)
			left--;
	}
	if (!digits)
		return CORE_SYNTAX;
	for (; left > 0; left--)
		if (__builtin_mul_overflow(value, 10, &value))
			fits = false;
	*in = ahead;
	if (!negative && __builtin_sub_overflow(0, value, &value))
		fits = false;
	if (!fits)
		return CORE_RANGE;
	*result = value;
	return CORE_OK;
}

/* Copies a string. */
char *
print_text(char *to, const char *string)
{
	while (*string != '\0')
		*to++ = *string++;
	return to;
}

/* Writes a whole number. */
char *
print_whole(char *to, uint64_t value, int digits)
{
	char		reversed[20];
	int			n = 0;

	for (; value > 0; value /= 10)
		reversed[n++] = '0' + value % 10;
	while (digits-- > n)
		*to++ = '0';
	while (n > 0)
		*to++ = reversed[--n];
	return to;
}

/* Writes a decimal number. */
int
print_decimal(int64_t value, int decimals, char *buffer)
{
	uint64_t	magnitude = value < 0 ? -(uint64_t) value : (uint64_t) value;
	uint64_t	scale = 1;
	char	   *to = buffer;

	for (; decimals > 0 && magnitude % 10 == 0; decimals--)
		magnitude /= 10;
	for (int i = 0; i < decimals; i++)
		scale *= 10;

	if (value < 0)
		*to++ = '-';
	to = print_whole(to, magnitude / scale, 1);
	if (decimals > 0)
	{
		*to++ = '.';
		to = print_whole(to, magnitude % scale, decimals);
	}
	*to = '\0';
	return to - buffer;
}
