/* names.h - the system columns of primary-key files (spec datafiles 2). Private to the suite. */
#pragma once

#define PFS_KEY_PREFIX "_KEY_"
#define PFS_SEQUENCE_COLUMN "_SEQUENCE_NUMBER"
#define PFS_KIND_COLUMN "_VALUE_KIND"
#define PFS_KEY_ID_BASE 1073741823
#define PFS_SEQUENCE_ID 2147483646
#define PFS_KIND_ID 2147483645
#define PFS_ROW_ID_COLUMN "_ROW_ID"
#define PFS_ROW_ID_ID 2147483642
