#!/usr/bin/env python3
"""The README's examples are a test.

Every ```sql block of README.md is run by psql, in order, in one new database;
an error fails it.  A ```text block that follows it is what it must print
(spaces at line ends aside).  <!-- not run --> before a block leaves it out.

    make test SUITES=readme
    test/readme.py [FILE]        on the server that PGHOST names
"""
import difflib
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
    print('1..%d' % number)
    psql('postgres', 'DROP DATABASE %s WITH (FORCE);' % DATABASE)
    return 1 if failed or not number else 0


if __name__ == '__main__':
    sys.exit(main())
