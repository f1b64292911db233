/*-------------------------------------------------------------------------
 *
 * layout.h
 *	  Columns of the program's tables, by position.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_LAYOUT_H
#define LOYALTY_LAYOUT_H

/* columns of account, see sql/program/10-tables.sql */
enum AccountColumn
{
	ACCOUNT_MEMBER_ID = 0,
	ACCOUNT_LAST_ENTRY,
	ACCOUNT_LAST_AT,
	ACCOUNT_NEXT_DUE,
	ACCOUNT_JOINED_AT,
	ACCOUNT_PURCHASES,
	ACCOUNT_SPEND,
	ACCOUNT_FIRST_PURCHASE_AT,
	ACCOUNT_LAST_PURCHASE_AT,
	ACCOUNT_STATUS,
	ACCOUNT_TIME_ZONE,
	ACCOUNT_USAGE,
	ACCOUNT_PAGED,
	ACCOUNT_LOTS,
	ACCOUNT_COLUMNS
};

/* columns of journal */
enum JournalColumn
{
	JOURNAL_MEMBER_ID = 0,
	JOURNAL_FIRST_ENTRY,
	JOURNAL_POSTED_AT,
	JOURNAL_SOURCE_NO,
	JOURNAL_CONFIG_VERSION,
	JOURNAL_OPERATION_NO,
	JOURNAL_EVENT_KEY,
	JOURNAL_LINES,
	JOURNAL_COLUMNS
};

/* columns of a posting table, behind those of its key */
enum PostingColumn
{
	POSTING_MEMBER_ID = 0,
	POSTING_OCCURRED_AT,
	POSTING_FIRST_ENTRY,
	POSTING_AMOUNT,
	POSTING_CONFIG_VERSION,
	POSTING_ENTRIES,
	POSTING_FLAGS,
	POSTING_LATER,
	POSTING_SHORT,
	POSTING_FACTS,
	POSTING_COLUMNS
};

#endif							/* LOYALTY_LAYOUT_H */
