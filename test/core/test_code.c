/*-------------------------------------------------------------------------
 *
 * test_code.c
 *	  Codes: normal form, and what the check character finds.
 *
 *-------------------------------------------------------------------------
 */
#include "code.h"
#include "harness.h"

#define LONGEST 32				/* of generated codes, with the check character */

/* The normal form of a text, "" if it has none. */
static const char *
normal(const char *text)
{
	static char result[CODE_SIZE];

	code_normalise(text, strlen(text), result);
	return result;
}

/* A code as people read it. */
static const char *
shown(const char *code)
{
	static char result[CODE_TEXT_SIZE];

	code_format(code, strlen(code), result);
	return result;
}

/* A random code of a length, the last character being its check character. */
static void
make_code(char *code, int length)
{
	int			i;

	for (i = 0; i < length - 1; i++)
		code[i] = code_alphabet[below(CODE_RADIX)];
	code[i] = code_check_character(code, i);
	code[length] = '\0';
}

static void
test_normal_form(void)
{
	static const char looks[][2] = {
		"O0", "I1", "L1", "Z2", "S5", "B8", "UV", "o0", "i1", "l1", "z2", "s5", "b8", "uV"
	};
	char		text[2] = "";
	char		long_text[CODE_MAX + 2];
	bool		all = true;

	is_text(normal("7kq2-m9xt-4hd0"), "7KQ2M9XT4HD0", "case and dashes do not matter");
	is_text(normal("  7KQ2 M9XT\t4HD0\n"), "7KQ2M9XT4HD0", "nor do spaces");
	is_text(normal("7KQ2\xe2\x80\x93M9XT\xe2\x80\x94" "4HD0\xc2\xa0\xe2\x80\x8b\xef\xbb\xbf\xc2\xad"),
			"7KQ2M9XT4HD0", "nor what mail programs make of them");
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
	{
		text[0] = looks[i][0];
		if (normal(text)[0] != looks[i][1])
			all = false;
	}
	ok(all, "look-alikes are the same character");
	for (int c = 'A'; c <= 'Z'; c++)
	{
		text[0] = c;
		if (!code_is_plain(normal(text), 1))
			all = false;
	}
	for (int c = '0'; c <= '9'; c++)
	{
		text[0] = c;
		if (normal(text)[0] != c)
			all = false;
	}
	ok(all, "every letter and digit is a character of the alphabet");
	for (int i = 0; i < CODE_RADIX; i++)
	{
		text[0] = code_alphabet[i];
		if (normal(text)[0] != code_alphabet[i])
			all = false;
	}
	ok(all, "the alphabet's characters are their own normal form");
	is_text(normal("\xc3\x84pfel_10!"), "\xc3\x84PFE1_10!", "other characters stay as they are");
	is_text(normal(" - \xe2\x80\x94"), "", "nothing is no code");
	memset(long_text, 'X', sizeof(long_text));
	long_text[CODE_MAX] = '\0';
	is_number(strlen(normal(long_text)), CODE_MAX, "the longest code");
	long_text[CODE_MAX] = 'X';
	long_text[CODE_MAX + 1] = '\0';
	is_text(normal(long_text), "", "a longer one is none");
}

/*
 * Every single wrong character and every swap of neighbours, in codes of every
 * length, at every place, for every two characters, before and behind every
 * remainder of the rest.
 */
static void
test_all_typos(void)
{
	long		cases = 0,
				wrong = 0,
				swaps = 0,
				missed = 0;

	for (int length = 2; length <= LONGEST; length++)
	{
		for (int place = 0; place < length; place++)
		{
			for (int a = 0; a < CODE_RADIX; a++)
			{
				/* the rest of the code: all remainders that it can have */
				for (int rest = 0; rest < CODE_RADIX; rest++)
				{
					char		code[LONGEST + 1];
					char		typed[LONGEST + 1];
					int			other = place == 0 ? 1 : 0;

					memset(code, code_alphabet[(rest * 7 + length) % CODE_RADIX], length);
					code[other] = code_alphabet[rest];
					code[place] = code_alphabet[a];
					/* make it right by a place that is neither, where there is one */
					if (length == 2)
					{
						code[1] = code_check_character(code, 1);
						if (place == 1 && code[1] != code_alphabet[a])
							continue;
					}
					else if (place == length - 1)
					{
						/* the check character is to be a: find the one before it */
						int			fix = length - 2;
						int			i;

						for (i = 0; i < CODE_RADIX; i++)
						{
							code[fix] = code_alphabet[i];
							if (code_check_character(code, length - 1) == code_alphabet[a])
								break;
						}
						if (i == CODE_RADIX)
							abort();
					}
					else
						code[length - 1] = code_check_character(code, length - 1);
					code[length] = '\0';
					if (!code_fits(code, length))
						abort();
					cases++;
					for (int b = 0; b < CODE_RADIX; b++)
					{
						if (code_alphabet[b] == code[place])
							continue;
						memcpy(typed, code, length + 1);
						typed[place] = code_alphabet[b];
						wrong++;
						if (code_fits(typed, length))
							missed++;
					}
					if (place + 1 < length && code[place] != code[place + 1])
					{
						memcpy(typed, code, length + 1);
						typed[place] = code[place + 1];
						typed[place + 1] = code[place];
						swaps++;
						if (code_fits(typed, length))
							missed++;
					}
				}
			}
		}
	}
	printf("# %ld codes, %ld wrong characters, %ld swaps\n", cases, wrong, swaps);
	is_number(missed, 0, "every wrong character and every swap of neighbours is found, at any length");
}

/* All codes of three characters, with everything that can happen to them. */
static void
test_all_short_codes(void)
{
	long		missed = 0,
				right = 0;

	for (int n = 0; n < CODE_RADIX * CODE_RADIX * CODE_RADIX; n++)
	{
		char		code[4] = {code_alphabet[n / CODE_RADIX / CODE_RADIX],
		code_alphabet[n / CODE_RADIX % CODE_RADIX], code_alphabet[n % CODE_RADIX]};

		if (!code_fits(code, 3))
			continue;
		right++;
		for (int place = 0; place < 3; place++)
		{
			char		typed[4];

			for (int b = 0; b < CODE_RADIX; b++)
			{
				memcpy(typed, code, 4);
				typed[place] = code_alphabet[b];
				if (typed[place] != code[place] && code_fits(typed, 3))
					missed++;
			}
			for (int with = place + 1; with < 3; with++)
			{
				memcpy(typed, code, 4);
				typed[place] = code[with];
				typed[with] = code[place];
				if (memcmp(typed, code, 4) != 0 && code_fits(typed, 3))
					missed++;
			}
		}
	}
	is_number(right, CODE_RADIX * CODE_RADIX, "one code of three in 29 fits");
	is_number(missed, 0, "of all of them, no typo and no swap, of neighbours or others, fits");
}

/* Swaps of any two characters, neighbours or not. */
static bool
swaps_are_found(void)
{
	int			length = 3 + below(LONGEST - 4);
	char		code[LONGEST + 1];
	char		typed[LONGEST + 1];

	if (length > 28)
		length = 28;
	make_code(code, length);
	for (int i = 0; i < length; i++)
	{
		for (int j = i + 1; j < length; j++)
		{
			if (code[i] == code[j])
				continue;
			memcpy(typed, code, sizeof(code));
			typed[i] = code[j];
			typed[j] = code[i];
			if (code_fits(typed, length))
			{
				printf("# %s and %s fit\n", code, typed);
				return false;
			}
		}
	}
	return true;
}

/* A code, shown, typed with look-alikes, is the code. */
static bool
reads_as_shown(void)
{
	int			length = 2 + below(LONGEST - 1);
	char		code[LONGEST + 1];
	char		text[CODE_TEXT_SIZE];
	char		again[CODE_SIZE];

	make_code(code, length);
	code_format(code, length, text);
	for (char *at = text; *at; at++)
	{
		static const char *const same[] = {"0oO", "1iIlL", "2zZ", "5sS", "8bB", "VuUv", "-  "};

		for (int i = 0; i < 7; i++)
		{
			if (*at == same[i][0])
				*at = same[i][below(strlen(same[i]))];
		}
	}
	if (code_normalise(text, strlen(text), again) == length && strcmp(again, code) == 0)
		return true;
	printf("# %s typed as %s is %s\n", code, text, again);
	return false;
}

static void
test_making(void)
{
	unsigned char bytes[256];
	char		drawn[256];
	int			count[CODE_RADIX] = {0};
	bool		even = true;
	int			n;

	for (int i = 0; i < 256; i++)
		bytes[i] = i;
	n = code_characters(bytes, 256, drawn, 256);
	for (int i = 0; i < n; i++)
		count[strchr(code_alphabet, drawn[i]) - code_alphabet]++;
	for (int i = 0; i < CODE_RADIX; i++)
	{
		if (count[i] != n / CODE_RADIX)
			even = false;
	}
	ok(n > 0 && even, "of all bytes, each character comes of as many");
	is_number(code_characters(bytes, 256, drawn, 5), 5, "no more than wanted");
	is_text(shown("7KQ2M9XT4HD0"), "7KQ2-M9XT-4HD0", "shown in groups");
	is_text(shown("7KQ2M"), "7KQ2M", "none of which is one character");
	is_text(shown("7KQ2M9"), "7KQ2-M9", "but two");
	ok(!code_fits("7KQ2M9X_", 8) && !code_fits("1", 1), "other characters, and one alone, never fit");
}

int
main(void)
{
	start_tests();
	test_normal_form();
	test_all_typos();
	test_all_short_codes();
	property("every swap in a code of up to 28 characters is found", 20000, swaps_are_found);
	property("a code is read as it is shown, look-alikes or not", 20000, reads_as_shown);
	test_making();
	return end_tests();
}
