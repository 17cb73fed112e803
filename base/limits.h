/* limits.h - every ceiling that a constructor is given, in one list, so that they can be weighed against each other. */
#pragma once

#include <stddef.h>

#define PFS_JSON_DEPTH_MAX 64                     /* nesting of JSON input and of types */
#define PFS_COLUMNS_MAX 10000                     /* of one table */
#define PFS_METADATA_BYTES_MAX ((size_t)64 << 20) /* a schema, snapshot or tag file; decoded too */
#define PFS_MANIFEST_BYTES_MAX ((size_t)1 << 30)  /* a manifest or manifest list, decoded */
#define PFS_MANIFEST_RATIO_MAX 200                /* bytes that one of such a file may decode to, beyond the next */
#define PFS_MANIFEST_SLACK ((size_t)1 << 20)
#define PFS_PAGE_BYTES_MAX ((size_t)256 << 20)    /* a Parquet page, decoded */
#define PFS_FOOTER_BYTES_MAX ((size_t)64 << 20)   /* a Parquet footer */
#define PFS_ROW_BYTES_MAX ((size_t)64 << 20)      /* a row of text (mount option max-row) */
#define PFS_BATCH_ROWS 4096                       /* rows of an ordinary batch */
#define PFS_BATCH_BYTES_MAX ((size_t)512 << 20)   /* arena of one batch */
#define PFS_STATEMENT_BYTES_MAX ((size_t)1 << 20) /* one SQL statement */
#define PFS_NAME_BYTES_MAX 255                    /* a file name */
#define PFS_JOURNAL_BODY_MAX ((size_t)1 << 30)    /* one record of the journal */
