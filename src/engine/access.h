/*-------------------------------------------------------------------------
 *
 * access.h
 *	  Privileges on a program.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_ACCESS_H
#define LOYALTY_ACCESS_H

#include "engine/engine.h"

/*
 * Lets everybody read a new view of a program who may read its view balances:
 * the views of sources that are attached later.
 */
extern void access_as_balances(const ProgramRef *ref, const char *relname);

#endif							/* LOYALTY_ACCESS_H */
