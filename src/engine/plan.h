/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  Statements over a program's tables, planned once per backend.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_PLAN_H
#define LOYALTY_PLAN_H

#include "executor/spi.h"

#include "engine/program.h"

/*
 * Runs a statement whose text depends on nothing but the program, between
 * SPI_connect and SPI_finish.  id is the address of a constant of the caller:
 * the plan is kept under it.  "%s" in the text stands for the quoted schema.
 * Values are never NULL.  An error unless the result is the expected SPI code.
 */
extern void plan_execute(Program *program, const void *id, const char *text, int nargs,
						 const Oid *types, Datum *values, bool read_only, int expected);

/* The same with values that may be NULL: nulls as SPI takes them. */
extern void plan_execute_nulls(Program *program, const void *id, const char *text,
							   int nargs, const Oid *types, Datum *values,
							   const char *nulls, bool read_only, int expected);

/* Runs such an UPDATE with SPI_connect and SPI_finish; returns the rows changed. */
extern uint64 plan_update(Program *program, const void *id, const char *text, int nargs,
						  const Oid *types, Datum *values);

/* Frees the plans of a program that is about to be freed. */
extern void plan_free_all(Program *program);

#endif							/* LOYALTY_PLAN_H */
