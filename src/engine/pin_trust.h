/*-------------------------------------------------------------------------
 *
 * pin_trust.h
 *	  Whose code an expression may run; for pin_define.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_PIN_TRUST_H
#define LOYALTY_PIN_TRUST_H

#include "engine/pin.h"

/*
 * Refuses functions and types by which somebody else's code would run with
 * the rights of the program's owner, and functions that the writer of the
 * expression may not execute.
 */
extern void pin_check_trust(const PinSource *source, Oid owner, Oid writer, Node *expr);

#endif							/* LOYALTY_PIN_TRUST_H */
