/* replay.c - the main of a fuzz target in a build without libFuzzer: every file of the directories that it is given, as
 * it is and in a few hundred damaged forms (bits turned, runs overwritten, cut out or doubled, the end cut off), always
 * the same ones. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DAMAGED_FORMS 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t below(size_t bound)
{
    return bound == 0 ? 0 : (size_t)(next_random() % bound);
}

/* Damages `size` bytes in place (with room for twice as many); the new size. */
static size_t damage(uint8_t *data, size_t size)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '0', '-'};
    size_t at = below(size), run = 1 + below(size - at < 16 ? size - at : 16);

    if (at + run > size)
        return size;
    switch (next_random() % 5) {
    case 0:
        data[at] ^= (uint8_t)(1u << below(8));
        return size;
    case 1:
        memset(data + at, edges[below(sizeof(edges))], run);
        return size;
    case 2:
        memmove(data + at, data + at + run, size - at - run);
        return size - run;
    case 3:
        memmove(data + at + run, data + at, size - at);
        return size + run;
    default:
        return below(4) == 0 ? at : size;
    }
}

static int replay(const char *path)
{
    FILE *in = fopen(path, "rb");
    struct stat st;
    uint8_t *data, *damaged;
    size_t size;

    if (in == NULL || fstat(fileno(in), &st) != 0)
        return 1;
    data = malloc((size_t)st.st_size + 1);
    if (data == NULL)
        return 1;
    size = fread(data, 1, (size_t)st.st_size, in);
    fclose(in);
    LLVMFuzzerTestOneInput(data, size);
    state = 88172645463325252u + size;
    for (int form = 0; size > 0 && form < DAMAGED_FORMS; form++) {
        size_t len = size;
        uint8_t *exact;

        damaged = malloc(size * 2 + 64);
        if (damaged == NULL)
            break;
        memcpy(damaged, data, size);
        for (size_t hits = 1 + below(4); hits > 0 && len > 0 && len < size + 48; hits--)
            len = damage(damaged, len);
        exact = malloc(len > 0 ? len : 1); /* so that a read behind the end is seen */
        if (exact != NULL) {
            memcpy(exact, damaged, len);
            LLVMFuzzerTestOneInput(exact, len);
        }
        free(exact);
        free(damaged);
    }
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    int files = 0, failed = 0;

    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);

        for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
            char path[4096];

            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
            failed += replay(path);
            files++;
        }
        if (dir != NULL)
            closedir(dir);
    }
    printf("%d inputs, %d unreadable\n", files, failed);
    return files == 0 || failed != 0;
}
