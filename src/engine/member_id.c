/*-------------------------------------------------------------------------
 *
 * member_id.c
 *	  Member ids of a program's member type: compared, hashed, copied, written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/program.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

/* see program.h */
int
member_cmp(const Program *program, Datum a, Datum b)
{
	switch (program->ref.member_type)
	{
		case INT8OID:
			{
				int64		left = DatumGetInt64(a);
				int64		right = DatumGetInt64(b);

				return left < right ? -1 : left > right ? 1 : 0;
			}
		case INT4OID:
			{
				int32		left = DatumGetInt32(a);
				int32		right = DatumGetInt32(b);

				return left < right ? -1 : left > right ? 1 : 0;
			}
		case UUIDOID:
			return memcmp(DatumGetUUIDP(a)->data, DatumGetUUIDP(b)->data, UUID_LEN);
		default:
			{
				/* text in collation "C" */
				struct varlena *left = PG_DETOAST_DATUM_PACKED(a);
				struct varlena *right = PG_DETOAST_DATUM_PACKED(b);
				int			nleft = VARSIZE_ANY_EXHDR(left);
				int			nright = VARSIZE_ANY_EXHDR(right);
				int			cmp = memcmp(VARDATA_ANY(left), VARDATA_ANY(right),
										 Min(nleft, nright));

				return cmp != 0 ? cmp : nleft - nright;
			}
	}
}

/* see program.h */
uint32
member_hash(const Program *program, Datum member)
{
	switch (program->ref.member_type)
	{
		case INT8OID:
			{
				uint64		value = (uint64) DatumGetInt64(member);

				return murmurhash32((uint32) value ^ (uint32) (value >> 32));
			}
		case INT4OID:
			return murmurhash32((uint32) DatumGetInt32(member));
		case UUIDOID:
			return hash_bytes(DatumGetUUIDP(member)->data, UUID_LEN);
		default:
			{
				struct varlena *text = PG_DETOAST_DATUM_PACKED(member);

				return hash_bytes((unsigned char *) VARDATA_ANY(text),
								  VARSIZE_ANY_EXHDR(text));
			}
	}
}

/* see program.h */
Datum
member_copy(const Program *program, Datum member)
{
	if (program->member_len == -1)
		return PointerGetDatum(PG_DETOAST_DATUM_COPY(member));
	return datumCopy(member, program->member_byval, program->member_len);
}

/* see program.h */
char *
member_text(const Program *program, Datum member)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(program->ref.member_type, &output, &is_varlena);
	return OidOutputFunctionCall(output, member);
}

/* see program.h */
Datum
member_from_argument(const Program *program, Oid type, Datum value)
{
	Oid			output;
	Oid			input;
	Oid			param;
	bool		is_varlena;

	if (type == program->ref.member_type)
		return value;
	getTypeOutputInfo(type, &output, &is_varlena);
	getTypeInputInfo(program->ref.member_type, &input, &param);
	return OidInputFunctionCall(input, OidOutputFunctionCall(output, value), param, -1);
}
