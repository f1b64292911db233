/*-------------------------------------------------------------------------
 *
 * module.c
 *	  The mark by which the server knows a library made for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "loyalty.h"

/* not all servers make the mark visible themselves */
extern LOYALTY_EXPORT const Pg_magic_struct *PG_MAGIC_FUNCTION_NAME(void);

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(
					.name = "loyalty",
					.version = LOYALTY_VERSION
);
#else
PG_MODULE_MAGIC;
#endif

extern LOYALTY_EXPORT void _PG_init(void);

/* Called once by each backend that loads the library. */
void
_PG_init(void)
{
	engine_init();
}
