/* uuid.h - random (version 4) UUIDs in lower-case canonical form, for file names and commit users. Threads: any. */
#pragma once

#define PFS_UUID_TEXT 37 /* 36 characters and the NUL */

void pfs_uuid_make(char out[static PFS_UUID_TEXT]);
