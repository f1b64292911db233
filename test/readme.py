#!/usr/bin/env python3
"""The README's examples are a test.

Every ```sql block of README.md is run by psql, in order, in one new database;
an error fails it.  A ```text block that follows it is what it must print
(spaces at line ends aside).  <!-- not run --> before a block leaves it out.

Then its reference must name every function with its arguments, every view with
its columns and every table of the programs that the blocks have made, and every
SQLSTATE of class LY that the source raises, and its word.

    make test SUITES=readme
    test/readme.py [FILE]        on the server that PGHOST names
"""
import difflib
import glob
import re
import subprocess
import sys

DATABASE = 'loyalty_readme'


def blocks(text):
    """Yields (line, sql, expected or None)."""
    found = [(m.start(), m.end(), m.group(1), m.group(2))
             for m in re.finditer(r'^```(\w*)\n(.*?)^```$', text, re.M | re.S)]
    for i, (start, end, language, body) in enumerate(found):
        if language != 'sql' or re.search(r'<!-- not run -->\s*\Z', text[:start]):
            continue
        expected = None
        if i + 1 < len(found):
            next_start, _, next_language, next_body = found[i + 1]
            if next_language == 'text' and not text[end:next_start].strip():
                expected = next_body
        yield text.count('\n', 0, start) + 1, body, expected


def psql(database, sql):
    return subprocess.run(['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-P', 'pager=off', '-d', database],
                          input=sql, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)


def lines(text):
    return [line.rstrip() for line in text.strip('\n').split('\n')]


# what a program has that people call, read or write, and the names that belong to it
OBJECTS = r"""
WITH schema AS (SELECT n.oid FROM loyalty.programs p JOIN pg_namespace n ON n.nspname = p.name)
SELECT 'function ' || p.proname || ' ' || array_to_string(p.proargnames, ' ')
FROM pg_proc p JOIN schema s ON p.pronamespace = s.oid
UNION
SELECT 'function loyalty.' || p.proname || ' ' || array_to_string(p.proargnames, ' ')
FROM pg_proc p WHERE p.pronamespace = 'loyalty'::regnamespace AND p.proname LIKE '%\_program'
UNION
SELECT 'view ' || c.relname || ' ' || (SELECT string_agg(a.attname, ' ') FROM pg_attribute a
	WHERE a.attrelid = c.oid AND a.attnum > 0 AND c.relname <> 'member_facts')
FROM pg_class c JOIN schema s ON c.relnamespace = s.oid
WHERE c.relkind = 'v' AND c.relname !~ '^(source|rule|reward)_|_points$'
UNION
SELECT 'table ' || c.relname FROM pg_class c JOIN schema s ON c.relnamespace = s.oid
WHERE c.relkind = 'r' AND c.relname !~ '^posting_'
ORDER BY 1"""


def unnamed(text):
    """Yields what the reference should name and does not."""
    reference = text[text.index('\n## Reference\n'):]
    result = psql(DATABASE, '\\pset tuples_only on\n\\pset format unaligned\n' + OBJECTS)
    for line in result.stdout.split('\n'):
        kind, name, *parts = line.split() or ['', '']
        found = re.findall(r'^\|.*`(?:CALL )?%s[(`].*$' % re.escape(name), reference, re.M)
        if kind and not found:
            yield '%s %s' % (kind, name)
        for part in parts:
            if found and not re.search(r'\b%s\b' % re.escape(part), '\n'.join(found)):
                yield '%s of %s %s' % (part, kind, name)
    raised = set()
    for name in glob.glob('src/*/*.c'):
        with open(name, encoding='utf-8') as f:
            raised.update(re.findall(r'\bERRCODE_LOYALTY_\w+', f.read()))
    with open('src/loyalty.h', encoding='utf-8') as f:
        for name, letters in re.findall(r'#define (ERRCODE_LOYALTY_\w+)\s+MAKE_SQLSTATE\((.*?)\)', f.read()):
            state = re.sub(r"[', ]", '', letters)
            if name in raised and '`%s`' % state not in text:
                yield 'SQLSTATE %s' % state
    with open('src/types/refusal.c', encoding='utf-8') as f:
        for word in re.findall(r'return "(\w+)";', f.read()):
            if '| `%s` |' % word not in text:
                yield 'word %s' % word


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else 'README.md'
    with open(name, encoding='utf-8') as f:
        text = f.read()
    for command in ('DROP DATABASE IF EXISTS %s WITH (FORCE);', 'CREATE DATABASE %s;'):
        result = psql('postgres', 'SET client_min_messages = warning; ' + command % DATABASE)
        if result.returncode:
            sys.exit(result.stdout)
    number = failed = 0
    for line, sql, expected in blocks(text):
        number += 1
        result = psql(DATABASE, sql)
        good = result.returncode == 0 and (expected is None or lines(result.stdout) == lines(expected))
        print('%sok %d - %s line %d' % ('' if good else 'not ', number, name, line))
        if not good:
            failed += 1
            shown = result.stdout.split('\n')
            if result.returncode == 0:
                shown = list(difflib.unified_diff(lines(expected), lines(result.stdout), 'expected', 'came', lineterm=''))
            print('\n'.join('# ' + s for s in shown))
    if '\n## Reference\n' in text:
        number += 1
        missing = list(unnamed(text))
        print('%sok %d - the reference of %s is complete' % ('not ' if missing else '', number, name))
        print('\n'.join('# not named: ' + s for s in missing) or '# nothing is missing')
        failed += bool(missing)
    print('1..%d' % number)
    psql('postgres', 'DROP DATABASE %s WITH (FORCE);' % DATABASE)
    return 1 if failed or not number else 0


if __name__ == '__main__':
    sys.exit(main())
