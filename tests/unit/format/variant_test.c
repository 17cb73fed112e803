/* variant_test.c - bytes of the open variant encoding against the JSON that Paimon prints. */
#include "format/variant.h"
#include "tests/unit/cm.h"

#define NO_KEYS "\x01\x00\x00"
#define KEYS_AB            \
    "\x01\x02\x00\x01\x02" \
    "ab"

struct sample {
    struct pfs_slice value, metadata;
    const char *json; /* NULL: damaged */
};

#define BYTES(text)                               \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

static const struct sample samples[] = {
    {BYTES("\x00"), BYTES(NO_KEYS), "null"},
    {BYTES("\x04"), BYTES(NO_KEYS), "true"},
    {BYTES("\x08"), BYTES(NO_KEYS), "false"},
    {BYTES("\x0c\xff"), BYTES(NO_KEYS), "-1"},
    {BYTES("\x10\x2c\x01"), BYTES(NO_KEYS), "300"},
    {BYTES("\x14\x00\x00\x00\x80"), BYTES(NO_KEYS), "-2147483648"},
    {BYTES("\x18\x35\x1c\xdc\xdf\x02\x00\x00\x00"), BYTES(NO_KEYS), "12345678901"},
    {BYTES("\x20\x02\x96\x00\x00\x00"), BYTES(NO_KEYS), "1.5"},
    {BYTES("\x20\x01\x0a\x00\x00\x00"), BYTES(NO_KEYS), "1"},
    {BYTES("\x20\x01\x00\x00\x00\x00"), BYTES(NO_KEYS), "0"},
    {BYTES("\x28\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), BYTES(NO_KEYS), "-1"},
    {BYTES("\x1c\x00\x00\x00\x20\x5f\xa0\x02\x42"), BYTES(NO_KEYS), "1.0E10"},
    {BYTES("\x1c\x00\x00\x00\x00\x00\x00\xf0\x7f"), BYTES(NO_KEYS), "\"Infinity\""},
    {BYTES("\x09hi"), BYTES(NO_KEYS), "\"hi\""},
    {BYTES("\x0d\"\n\x01"), BYTES(NO_KEYS), "\"\\\"\\n\\u0001\""},
    {BYTES("\x40\x03\x00\x00\x00"
           "abc"),
     BYTES(NO_KEYS), "\"abc\""},
    {BYTES("\x3c\x01\x00\x00\x00\xff"), BYTES(NO_KEYS), "\"/w==\""},
    {BYTES("\x2c\x0b\x4d\x00\x00"), BYTES(NO_KEYS), "\"2024-01-01\""},
    {BYTES("\x2c\xff\xff\xff\xff"), BYTES(NO_KEYS), "\"1969-12-31\""},
    {BYTES("\x34\xff\xff\xff\xff\xff\xff\xff\xff"), BYTES(NO_KEYS), "\"1969-12-31 23:59:59.999999\""},
    {BYTES("\x34\x00\x00\x00\x00\x00\x00\x00\x80"), BYTES(NO_KEYS), "\"-290308-12-21 19:59:05.224192\""},
    {BYTES("\x30\x18\xfc\xff\xff\xff\xff\xff\xff"), BYTES(NO_KEYS), "\"1969-12-31 23:59:59.999000Z\""},
    {BYTES("\x2c\x0b\x4d\x00"), BYTES(NO_KEYS), NULL},
    {BYTES("\x30\x0b\x4d\x00"), BYTES(NO_KEYS), NULL},
    {BYTES("\x13\x00\x00"), BYTES(NO_KEYS), NULL},
    {BYTES("\x02\x00\x00"), BYTES(NO_KEYS), "{}"},
    {BYTES("\x03\x02\x00\x01\x02\x00\x04"), BYTES(NO_KEYS), "[null,true]"},
    {BYTES("\x02\x02\x00\x01\x00\x01\x03\x00\x0c\x05"), BYTES(KEYS_AB), "{\"a\":null,\"b\":5}"},
    {BYTES(""), BYTES(NO_KEYS), NULL},
    {BYTES("\x0c"), BYTES(NO_KEYS), NULL},
    {BYTES("\x09h"), BYTES(NO_KEYS), NULL},
    {BYTES("\x44"), BYTES(NO_KEYS), NULL},
    {BYTES("\x20\x27\x0a\x00\x00\x00"), BYTES(NO_KEYS), NULL},
    {BYTES("\x40\xff\xff\xff\xff"
           "abc"),
     BYTES(NO_KEYS), NULL},
    {BYTES("\x03\xff\x00"), BYTES(NO_KEYS), NULL},
    {BYTES("\x03\x01\x09\x0a\x00"), BYTES(NO_KEYS), NULL},
    {BYTES("\x02\x01\x05\x00\x01\x00"), BYTES(KEYS_AB), NULL},
    {BYTES("\x00"), BYTES("\x02\x00\x00"), NULL},
    {BYTES("\x00"), BYTES("\x01\x09\x00"), NULL},
    {BYTES("\x02\x01\x00\x00\x01\x00"),
     BYTES("\x01\x01\x00\x09"
           "ab"),
     NULL},
};

static int print(const struct sample *s, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_buf memory = {0};
    int rc;

    pfs_buf_le32(&memory, (uint32_t)s->value.len);
    pfs_buf_put(&memory, s->value.at, s->value.len);
    pfs_buf_put(&memory, s->metadata.at, s->metadata.len);
    rc = pfs_variant_print(pfs_buf_slice(&memory), out, err);
    pfs_buf_done(&memory);
    return rc;
}

static void variants_print_as_paimon_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct pfs_buf out = {0};
        struct pfs_err err = {0};
        int rc = print(&samples[i], &out, &err);

        if (samples[i].json == NULL) {
            assert_int_equal(rc, -EIO);
            assert_non_null(strstr(err.text, "variant"));
        } else {
            assert_int_equal(rc, 0);
            pfs_buf_putc(&out, 0);
            assert_string_equal((const char *)out.at, samples[i].json);
        }
        pfs_buf_done(&out);
    }
}

static void deep_nesting_is_damage(void **state)
{
    struct sample s = {{NULL, 0}, BYTES(NO_KEYS), NULL};
    struct pfs_buf value = {0}, out = {0};
    struct pfs_err err = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        pfs_buf_put(&value, "\x03\x01\x00\x01", 4); /* an array of one value, which follows */
    pfs_buf_putc(&value, 0);
    s.value = pfs_buf_slice(&value);
    assert_int_equal(print(&s, &out, &err), -EIO);
    pfs_buf_done(&value);
    pfs_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(variants_print_as_paimon_does),
                                       cmocka_unit_test(deep_nesting_is_damage)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
