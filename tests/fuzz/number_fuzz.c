/* number_fuzz.c - numbers, decimals, dates, base64 and UTF-8 from text: what parses prints as text of the same value.
 */
#include <stdlib.h>

#include "base/datetime.h"
#include "base/decimal.h"
#include "base/number.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void floats(struct pfs_slice in)
{
    char text[PFS_NUMBER_TEXT];
    double v, again;
    float f, f_again;
    size_t len;

    if (pfs_f64_parse(in, &v) == 0) {
        len = pfs_f64_print(v, text);
        require(len <= sizeof(text) && pfs_f64_parse(pfs_slice_of(text, len), &again) == 0);
        require(v != v ? again != again : memcmp(&v, &again, sizeof(v)) == 0);
    }
    if (pfs_f32_parse(in, &f) == 0) {
        len = pfs_f32_print(f, text);
        require(len <= sizeof(text) && pfs_f32_parse(pfs_slice_of(text, len), &f_again) == 0);
        require(f != f ? f_again != f_again : memcmp(&f, &f_again, sizeof(f)) == 0);
    }
}

static void decimals(struct pfs_slice in, int precision, int scale)
{
    char text[PFS_DECIMAL_TEXT];
    pfs_i128 v, again;
    size_t len;

    if (pfs_decimal_parse(in, precision, scale, (in.len & 1) != 0, &v) < 0)
        return;
    require(pfs_decimal_fits(v, precision));
    len = pfs_decimal_print(v, scale, text);
    require(len <= sizeof(text));
    require(pfs_decimal_parse(pfs_slice_of(text, len), precision, scale, true, &again) == 0 && v == again);
}

static void times(struct pfs_slice in, int precision)
{
    char text[40];
    int64_t millis, millis_again;
    int32_t nanos, nanos_again, day, day_again;
    size_t len;

    if (pfs_timestamp_parse(in, precision, true, &millis, &nanos) == 0) {
        len = pfs_timestamp_print(millis, nanos, precision, text);
        require(len <= sizeof(text));
        if (pfs_timestamp_parse(pfs_slice_of(text, len), precision, false, &millis_again, &nanos_again) == 0)
            require(millis == millis_again && nanos == nanos_again);
    }
    if (pfs_date_parse(in, &day) == 0)
        require(pfs_date_parse(pfs_slice_of(text, pfs_day_print(day, text)), &day_again) == 0 && day == day_again);
    if (pfs_time_parse(in, &day) == 0)
        require(pfs_time_print(day, text) == 12);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_slice in = {data, size};
    int64_t v, again;
    char text[PFS_NUMBER_TEXT];
    uint8_t *bytes = malloc(size + 1);
    size_t ok = pfs_utf8_check(in);

    if (bytes == NULL)
        return 0;
    require(ok <= size && pfs_utf8_prefix(pfs_slice_of(data, ok), pfs_utf8_count(pfs_slice_of(data, ok))) == ok);
    if (pfs_i64_parse(in, &v) == 0)
        require(pfs_i64_parse(pfs_slice_of(text, pfs_i64_print(v, text)), &again) == 0 && v == again);
    floats(in);
    for (int scale = 0; scale <= 38; scale += 19)
        decimals(in, 38, scale);
    decimals(in, 10, 2);
    for (int precision = 0; precision <= 9; precision += 3)
        times(in, precision);
    if (pfs_base64_decode(in, bytes) >= 0) {
        char *out = malloc(size + 4);
        int64_t len = pfs_base64_decode(in, bytes);

        if (out != NULL)
            require(pfs_slice_eq(in, pfs_slice_of(out, pfs_base64_encode(pfs_slice_of(bytes, (size_t)len), out))));
        free(out);
    }
    free(bytes);
    return 0;
}
