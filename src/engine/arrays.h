/*-------------------------------------------------------------------------
 *
 * arrays.h
 *	  Arrays that grow as they are filled.
 *
 *-------------------------------------------------------------------------
 */
#ifndef LOYALTY_ARRAYS_H
#define LOYALTY_ARRAYS_H

#include "utils/memutils.h"

/*
 * An array, NULL at first, with twice its capacity, but room for some elements
 * at least; in a context if there is none yet.
 */
static inline void *
array_grow(MemoryContext context, void *array, Size element, int *capacity, int least)
{
	*capacity = Max(least, *capacity * 2);
	return array ? repalloc_huge(array, element * *capacity) :
		MemoryContextAllocHuge(context, element * *capacity);
}

#endif							/* LOYALTY_ARRAYS_H */
