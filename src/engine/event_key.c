/*-------------------------------------------------------------------------
 *
 * event_key.c
 *	  Keys of events: compared, copied, written as text and read again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/event.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* see event.h */
int
event_key_cmp(const SourceConfig *source, const Datum *a, const Datum *b)
{
	int			i;

	for (i = 0; i < source->nkeys; i++)
	{
		int			cmp;

		if (source->key_type[i] == INT8OID)
			cmp = DatumGetInt64(a[i]) < DatumGetInt64(b[i]) ? -1 :
				DatumGetInt64(a[i]) > DatumGetInt64(b[i]) ? 1 : 0;
		else
		{
			TypeCacheEntry *type = lookup_type_cache(source->key_type[i],
													 TYPECACHE_CMP_PROC_FINFO);

			cmp = DatumGetInt32(FunctionCall2Coll(&type->cmp_proc_finfo,
												  source->key_collation[i], a[i], b[i]));
		}
		if (cmp != 0)
			return cmp;
	}
	return 0;
}

/* see event.h */
Datum *
event_key_copy(const SourceConfig *source, const Datum *key)
{
	Datum	   *copy = palloc(sizeof(Datum) * source->nkeys);
	int			i;

	for (i = 0; i < source->nkeys; i++)
		copy[i] = source->key_len[i] == -1 ?
			PointerGetDatum(PG_DETOAST_DATUM_COPY(key[i])) :
			datumCopy(key[i], source->key_byval[i], source->key_len[i]);
	return copy;
}

/* One column of a key as text that depends on no setting. */
static char *
key_column_text(Oid type, Datum value)
{
	Oid			output;
	bool		is_varlena;

	switch (type)
	{
		case INT8OID:
			{
				char	   *text = palloc(MAXINT8LEN + 1);

				pg_lltoa(DatumGetInt64(value), text);
				return text;
			}
		case INT4OID:
			{
				char	   *text = palloc(12);

				pg_ltoa(DatumGetInt32(value), text);
				return text;
			}
		case TEXTOID:
		case VARCHAROID:
			return TextDatumGetCString(value);
		case NUMERICOID:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   DirectFunctionCall1(numeric_trim_scale, value)));
		case DATEOID:
			{
				char	   *text = palloc(MAXDATELEN + 1);

				return JsonEncodeDateTime(text, value, DATEOID, NULL);
			}
		case TIMESTAMPTZOID:
			{
				char	   *text = palloc(MAXDATELEN + 1);
				int			utc = 0;

				return JsonEncodeDateTime(text, value, TIMESTAMPTZOID, &utc);
			}
		case BYTEAOID:
			{
				bytea	   *bytes = DatumGetByteaPP(value);
				int			size = VARSIZE_ANY_EXHDR(bytes);
				char	   *text = palloc(size * 2 + 3);

				strcpy(text, "\\x");
				text[2 + hex_encode(VARDATA_ANY(bytes), size, text + 2)] = '\0';
				return text;
			}
		default:
			getTypeOutputInfo(type, &output, &is_varlena);
			return OidOutputFunctionCall(output, value);
	}
}

/* see event.h: one column as it is, several as a JSON array of strings */
char *
event_key_text(const SourceConfig *source, const Datum *key)
{
	StringInfoData text;
	int			i;

	if (key == NULL)
		return pstrdup("(new)");
	if (source->nkeys == 1)
		return key_column_text(source->key_type[0], key[0]);
	initStringInfo(&text);
	for (i = 0; i < source->nkeys; i++)
	{
		appendStringInfoString(&text, i == 0 ? "[" : ", ");
		escape_json(&text, key_column_text(source->key_type[i], key[i]));
	}
	appendStringInfoChar(&text, ']');
	return text.data;
}

/* see event.h */
Datum *
event_key_parse(const SourceConfig *source, const char *text)
{
	Datum	   *key = palloc(sizeof(Datum) * source->nkeys);
	int			i;
	JsonbContainer *array = NULL;

	if (source->nkeys > 1)
	{
		Jsonb	   *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));

		array = &json->root;
		if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json) ||
			JB_ROOT_COUNT(json) != source->nkeys)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("malformed key of source \"%s\": \"%s\"", source->name, text),
					 errhint("A key of several columns is written as a JSON array of %d values.",
							 source->nkeys)));
	}
	for (i = 0; i < source->nkeys; i++)
	{
		const char *column = text;
		Oid			input;
		Oid			param;

		if (array)
		{
			JsonbValue *value = getIthJsonbValueFromContainer(array, i);

			if (value->type == jbvString)
				column = pnstrdup(value->val.string.val, value->val.string.len);
			else if (value->type == jbvNumeric)
				column = DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(value->val.numeric)));
			else
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("malformed key of source \"%s\": \"%s\"", source->name, text),
						 errhint("Write strings or numbers.")));
		}
		getTypeInputInfo(source->key_type[i], &input, &param);
		key[i] = OidInputFunctionCall(input, (char *) column, param, -1);
	}
	return key;
}
