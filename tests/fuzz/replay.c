/* replay.c - runs a fuzz target over every file of the directories that it is given; the main of a build without
 * libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *in = fopen(path, "rb");
    struct stat st;
    uint8_t *data;
    size_t size;

    if (in == NULL || fstat(fileno(in), &st) != 0)
        return 1;
    data = malloc((size_t)st.st_size + 1);
    if (data == NULL)
        return 1;
    size = fread(data, 1, (size_t)st.st_size, in);
    fclose(in);
    LLVMFuzzerTestOneInput(data, size);
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
