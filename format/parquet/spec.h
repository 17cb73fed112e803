/* spec.h - the numbers of the Parquet format: enums of parquet.thrift, field ids of its structs, type codes of the
 * thrift compact protocol. Shared by the reading and the writing half; private to the suite. Nothing but constants.
 *
 * File: "PAR1", column chunks (dictionary page first, data pages after it; a page is a thrift header and its bytes),
 * page indexes, FileMetaData in thrift, its length as le32, "PAR1".
 */
#pragma once

#define PFS_PQ_MAGIC "PAR1"
#define PFS_PQ_MAGIC_ENCRYPTED "PARE"
#define PFS_PQ_TAIL_BYTES 8         /* footer length and magic */
#define PFS_PQ_JULIAN_EPOCH 2440588 /* Julian day of 1970-01-01, for INT96 */

/* Names are for sentences; numbers are the format's and contiguous from 0. */
#define PFS_PQ_PHYSICALS(X) \
    X(BOOLEAN, 0)           \
    X(INT32, 1)             \
    X(INT64, 2)             \
    X(INT96, 3)             \
    X(FLOAT, 4)             \
    X(DOUBLE, 5)            \
    X(BYTE_ARRAY, 6)        \
    X(FIXED_LEN_BYTE_ARRAY, 7)

#define PFS_PQ_ENCODINGS(X)       \
    X(PLAIN, 0)                   \
    X(PLAIN_DICTIONARY, 2)        \
    X(RLE, 3)                     \
    X(BIT_PACKED, 4)              \
    X(DELTA_BINARY_PACKED, 5)     \
    X(DELTA_LENGTH_BYTE_ARRAY, 6) \
    X(DELTA_BYTE_ARRAY, 7)        \
    X(RLE_DICTIONARY, 8)          \
    X(BYTE_STREAM_SPLIT, 9)

#define PFS_PQ_CODECS(X) \
    X(UNCOMPRESSED, 0)   \
    X(SNAPPY, 1)         \
    X(GZIP, 2)           \
    X(LZO, 3)            \
    X(BROTLI, 4)         \
    X(LZ4, 5)            \
    X(ZSTD, 6)           \
    X(LZ4_RAW, 7)

/* Annotations of before the union LogicalType; still written beside it. */
#define PFS_PQ_CONVERTEDS(X) \
    X(UTF8, 0)               \
    X(MAP, 1)                \
    X(MAP_KEY_VALUE, 2)      \
    X(LIST, 3)               \
    X(ENUM, 4)               \
    X(DECIMAL, 5)            \
    X(DATE, 6)               \
    X(TIME_MILLIS, 7)        \
    X(TIME_MICROS, 8)        \
    X(TIMESTAMP_MILLIS, 9)   \
    X(TIMESTAMP_MICROS, 10)  \
    X(UINT_8, 11)            \
    X(UINT_16, 12)           \
    X(UINT_32, 13)           \
    X(UINT_64, 14)           \
    X(INT_8, 15)             \
    X(INT_16, 16)            \
    X(INT_32, 17)            \
    X(INT_64, 18)            \
    X(JSON, 19)              \
    X(BSON, 20)              \
    X(INTERVAL, 21)

/* Field ids of the union LogicalType; 0 stands for no annotation in memory. */
#define PFS_PQ_LOGICALS(X) \
    X(NONE, 0)             \
    X(STRING, 1)           \
    X(MAP, 2)              \
    X(LIST, 3)             \
    X(ENUM, 4)             \
    X(DECIMAL, 5)          \
    X(DATE, 6)             \
    X(TIME, 7)             \
    X(TIMESTAMP, 8)        \
    X(INTEGER, 10)         \
    X(UNKNOWN, 11)         \
    X(JSON, 12)            \
    X(BSON, 13)            \
    X(UUID, 14)            \
    X(FLOAT16, 15)         \
    X(VARIANT, 16)         \
    X(GEOMETRY, 17)        \
    X(GEOGRAPHY, 18)

#define X(id, number) PFS_PQ_##id = number,
enum pfs_pq_physical { PFS_PQ_PHYSICALS(X) };
#undef X
#define X(id, number) PFS_PQ_ENCODING_##id = number,
enum pfs_pq_encoding { PFS_PQ_ENCODINGS(X) };
#undef X
#define X(id, number) PFS_PQ_CODEC_##id = number,
enum pfs_pq_codec { PFS_PQ_CODECS(X) };
#undef X
#define X(id, number) PFS_PQ_CONVERTED_##id = number,
enum pfs_pq_converted { PFS_PQ_CONVERTEDS(X) };
#undef X
#define X(id, number) PFS_PQ_LOGICAL_##id = number,
enum pfs_pq_logical { PFS_PQ_LOGICALS(X) };
#undef X

enum pfs_pq_repetition { PFS_PQ_REQUIRED = 0, PFS_PQ_OPTIONAL = 1, PFS_PQ_REPEATED = 2 };
enum pfs_pq_unit { PFS_PQ_MILLIS = 1, PFS_PQ_MICROS = 2, PFS_PQ_NANOS = 3 }; /* field ids of the union TimeUnit */
enum pfs_pq_page_type {
    PFS_PQ_PAGE_DATA = 0,
    PFS_PQ_PAGE_INDEX = 1,
    PFS_PQ_PAGE_DICTIONARY = 2,
    PFS_PQ_PAGE_DATA_V2 = 3
};

/* Thrift compact protocol: type of a struct field (low nibble of its header) and of list elements, except that a
 * list of booleans holds a byte each, 1 = true. */
enum pfs_pq_thrift {
    PFS_PQ_T_STOP = 0,
    PFS_PQ_T_TRUE = 1,
    PFS_PQ_T_FALSE = 2,
    PFS_PQ_T_I8 = 3,
    PFS_PQ_T_I16 = 4,
    PFS_PQ_T_I32 = 5,
    PFS_PQ_T_I64 = 6,
    PFS_PQ_T_DOUBLE = 7,
    PFS_PQ_T_BINARY = 8,
    PFS_PQ_T_LIST = 9,
    PFS_PQ_T_SET = 10,
    PFS_PQ_T_MAP = 11,
    PFS_PQ_T_STRUCT = 12,
    PFS_PQ_T_UUID = 13,
};

/* Field ids. FileMetaData */
enum {
    PFS_PQ_FILE_VERSION = 1,
    PFS_PQ_FILE_SCHEMA = 2,
    PFS_PQ_FILE_ROWS = 3,
    PFS_PQ_FILE_ROW_GROUPS = 4,
    PFS_PQ_FILE_KEY_VALUES = 5,
    PFS_PQ_FILE_CREATED_BY = 6,
    PFS_PQ_FILE_COLUMN_ORDERS = 7,
    PFS_PQ_FILE_ENCRYPTION = 8,
};

/* SchemaElement */
enum {
    PFS_PQ_SCHEMA_TYPE = 1,
    PFS_PQ_SCHEMA_TYPE_LENGTH = 2,
    PFS_PQ_SCHEMA_REPETITION = 3,
    PFS_PQ_SCHEMA_NAME = 4,
    PFS_PQ_SCHEMA_CHILDREN = 5,
    PFS_PQ_SCHEMA_CONVERTED = 6,
    PFS_PQ_SCHEMA_SCALE = 7,
    PFS_PQ_SCHEMA_PRECISION = 8,
    PFS_PQ_SCHEMA_FIELD_ID = 9,
    PFS_PQ_SCHEMA_LOGICAL = 10,
};

/* Members of LogicalType: DecimalType; TimeType and TimestampType; IntType */
enum {
    PFS_PQ_DECIMAL_SCALE = 1,
    PFS_PQ_DECIMAL_PRECISION = 2,
    PFS_PQ_TIME_UTC = 1,
    PFS_PQ_TIME_UNIT = 2,
    PFS_PQ_INTEGER_BITS = 1, /* an i8 */
    PFS_PQ_INTEGER_SIGNED = 2,
};

/* RowGroup */
enum {
    PFS_PQ_GROUP_COLUMNS = 1,
    PFS_PQ_GROUP_BYTES = 2,
    PFS_PQ_GROUP_ROWS = 3,
    PFS_PQ_GROUP_SORTING = 4,
    PFS_PQ_GROUP_FILE_OFFSET = 5,
    PFS_PQ_GROUP_COMPRESSED_BYTES = 6,
    PFS_PQ_GROUP_ORDINAL = 7, /* an i16 */
};

/* ColumnChunk */
enum {
    PFS_PQ_CHUNK_FILE_PATH = 1,
    PFS_PQ_CHUNK_FILE_OFFSET = 2,
    PFS_PQ_CHUNK_META = 3,
    PFS_PQ_CHUNK_OFFSET_INDEX_OFF = 4,
    PFS_PQ_CHUNK_OFFSET_INDEX_BYTES = 5,
    PFS_PQ_CHUNK_COLUMN_INDEX_OFF = 6,
    PFS_PQ_CHUNK_COLUMN_INDEX_BYTES = 7,
    PFS_PQ_CHUNK_CRYPTO = 8,
    PFS_PQ_CHUNK_ENCRYPTED_META = 9,
};

/* ColumnMetaData */
enum {
    PFS_PQ_META_TYPE = 1,
    PFS_PQ_META_ENCODINGS = 2,
    PFS_PQ_META_PATH = 3,
    PFS_PQ_META_CODEC = 4,
    PFS_PQ_META_VALUES = 5,
    PFS_PQ_META_RAW_BYTES = 6,        /* with page headers */
    PFS_PQ_META_COMPRESSED_BYTES = 7, /* with page headers: the chunk's bytes in the file */
    PFS_PQ_META_KEY_VALUES = 8,
    PFS_PQ_META_DATA_OFF = 9,
    PFS_PQ_META_INDEX_OFF = 10,
    PFS_PQ_META_DICTIONARY_OFF = 11,
    PFS_PQ_META_STATISTICS = 12,
    PFS_PQ_META_ENCODING_STATS = 13,
    PFS_PQ_META_BLOOM_OFF = 14,
    PFS_PQ_META_BLOOM_BYTES = 15,
    PFS_PQ_META_SIZE_STATISTICS = 16,
};

/* Statistics; PageEncodingStats */
enum {
    PFS_PQ_STATS_MAX_OLD = 1,
    PFS_PQ_STATS_MIN_OLD = 2,
    PFS_PQ_STATS_NULLS = 3,
    PFS_PQ_STATS_DISTINCT = 4,
    PFS_PQ_STATS_MAX = 5,
    PFS_PQ_STATS_MIN = 6,
    PFS_PQ_STATS_MAX_EXACT = 7,
    PFS_PQ_STATS_MIN_EXACT = 8,
    PFS_PQ_ENCODING_STATS_PAGE = 1,
    PFS_PQ_ENCODING_STATS_ENCODING = 2,
    PFS_PQ_ENCODING_STATS_COUNT = 3,
};

/* PageHeader */
enum {
    PFS_PQ_PAGE_TYPE = 1,
    PFS_PQ_PAGE_RAW_BYTES = 2,
    PFS_PQ_PAGE_COMPRESSED_BYTES = 3,
    PFS_PQ_PAGE_CRC = 4,
    PFS_PQ_PAGE_HEADER_DATA = 5,
    PFS_PQ_PAGE_HEADER_INDEX = 6,
    PFS_PQ_PAGE_HEADER_DICTIONARY = 7,
    PFS_PQ_PAGE_HEADER_V2 = 8,
};

/* DataPageHeader; DictionaryPageHeader (values, encoding, is sorted) */
enum {
    PFS_PQ_DATA_VALUES = 1,
    PFS_PQ_DATA_ENCODING = 2,
    PFS_PQ_DATA_DEFINITION_ENCODING = 3,
    PFS_PQ_DATA_REPETITION_ENCODING = 4,
    PFS_PQ_DATA_STATISTICS = 5,
    PFS_PQ_DICTIONARY_VALUES = 1,
    PFS_PQ_DICTIONARY_ENCODING = 2,
    PFS_PQ_DICTIONARY_SORTED = 3,
};

/* DataPageHeaderV2: levels stand first, never compressed */
enum {
    PFS_PQ_V2_VALUES = 1,
    PFS_PQ_V2_NULLS = 2,
    PFS_PQ_V2_ROWS = 3,
    PFS_PQ_V2_ENCODING = 4,
    PFS_PQ_V2_DEFINITION_BYTES = 5,
    PFS_PQ_V2_REPETITION_BYTES = 6,
    PFS_PQ_V2_COMPRESSED = 7, /* absent = true */
    PFS_PQ_V2_STATISTICS = 8,
};

/* OffsetIndex (a list of PageLocation); PageLocation; ColumnIndex */
enum {
    PFS_PQ_OFFSET_INDEX_PAGES = 1,
    PFS_PQ_LOCATION_OFF = 1,
    PFS_PQ_LOCATION_BYTES = 2, /* with the page header */
    PFS_PQ_LOCATION_FIRST_ROW = 3,
    PFS_PQ_COLUMN_INDEX_NULL_PAGES = 1,
    PFS_PQ_COLUMN_INDEX_MINS = 2,
    PFS_PQ_COLUMN_INDEX_MAXES = 3,
    PFS_PQ_COLUMN_INDEX_ORDER = 4, /* 0 unordered, 1 ascending, 2 descending */
    PFS_PQ_COLUMN_INDEX_NULLS = 5,
};
