/* rbm64.c - 64-bit Roaring bitmaps as a radix tree: keys are the high 48 bits, big-endian, leaves name containers.
 *
 *   1 | keys, 64 bits | the root | the containers           (0 alone: empty)
 *   node: type, children (16 bits), prefix length, prefix, body, the children by ascending key byte
 *
 * The tree of the older bitmap is kept: Java inserts the keys of the newer one into it, and nodes only ever grow, so
 * that the form of a tree depends on what it once was.
 *
 * An inner node stands for `prefix` bytes that all keys below share and one byte in which they differ; a path is
 * KEY_BYTES long with both counted, so that no tree is deeper than that:
 *
 *   [00 00 00 | NODE_4] -- 01 -> leaf 00 00 00 01 00 02      (the leaf repeats its whole key)
 *                       \- 07 -> [.. | NODE_4] -- ..
 *
 * Containers lie in one list; a leaf names its place there. New ones go behind the last that is used.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "format/sketch/container.h"
#include "format/sketch/sketch.h"

#define KEY_BYTES 6
#define NO_SLOT 0xff

enum node_type { NODE_4, NODE_16, NODE_48, NODE_256, NODE_LEAF };

static const uint32_t node_room[] = {4, 16, 48, 256};

struct node {
    enum node_type type;
    uint32_t count;
    uint8_t prefix_len, prefix[KEY_BYTES];
    uint8_t leaf_key[KEY_BYTES];
    uint32_t container;
    /* Of inner nodes, by ascending byte; room for as many as the type holds. */
    uint8_t *byte, *slot; /* slot: NODE_48's own numbering */
    struct node **child;
};

struct tree {
    struct pfs_arena *arena;
    struct pfs_err *err;
    struct node *root; /* NULL: empty */
    uint64_t keys;
    uint32_t containers, capacity;   /* slots used and there */
    struct pfs_container *container; /* count 0: a slot that is free */
};

static int damaged(const struct tree *t, const char *what)
{
    return pfs_fail(t->err, EIO, "a 64-bit Roaring bitmap is damaged: %s", what);
}

/* ---- nodes ---- */

/* Slots are numbered anew: Java copies the children of a node that grows side by side. */
static int set_room(struct tree *t, struct node *n, enum node_type type)
{
    size_t room = node_room[type];
    uint8_t *byte = pfs_arena_alloc(t->arena, room), *slot = pfs_arena_alloc(t->arena, room);
    struct node **child = pfs_arena_array(t->arena, room, sizeof(struct node *));

    assert(type < NODE_LEAF);
    assert(n->count <= room);
    if (byte == NULL || slot == NULL || child == NULL)
        return pfs_arena_full(t->arena, t->err);
    for (uint32_t i = 0; i < n->count; i++) {
        byte[i] = n->byte[i];
        child[i] = n->child[i];
        slot[i] = (uint8_t)i;
    }
    n->type = type;
    n->byte = byte;
    n->slot = slot;
    n->child = child;
    return 0;
}

static struct node *new_node(struct tree *t)
{
    struct node *n = pfs_arena_zalloc(t->arena, sizeof(*n));

    if (n == NULL)
        pfs_arena_full(t->arena, t->err);
    return n;
}

/* Place of the byte among the children, or where it would stand. */
static uint32_t place_of(const struct node *n, uint8_t byte)
{
    uint32_t i = 0;

    while (i < n->count && n->byte[i] < byte)
        i++;
    return i;
}

static int add_child(struct tree *t, struct node *n, uint8_t byte, struct node *child)
{
    uint32_t at = place_of(n, byte);

    assert(n->type < NODE_LEAF);
    assert(at == n->count || n->byte[at] != byte); /* a NODE_256 that is full has every byte, and gets none */
    if (n->count == node_room[n->type])
        PFS_TRY(set_room(t, n, n->type + 1));
    memmove(n->byte + at + 1, n->byte + at, n->count - at);
    memmove(n->slot + at + 1, n->slot + at, n->count - at);
    memmove(n->child + at + 1, n->child + at, (n->count - at) * sizeof(struct node *));
    n->byte[at] = byte;
    n->slot[at] = (uint8_t)n->count;
    n->child[at] = child;
    n->count++;
    return 0;
}

/* ---- taking ---- */

/* The key that it repeats must be that of the way to it. */
static int take_leaf(struct tree *t, struct pfs_cursor *c, const uint8_t *path, uint32_t depth, struct node *n)
{
    struct pfs_slice key;
    uint64_t container;

    if (!pfs_take(c, KEY_BYTES, &key))
        return damaged(t, "it ends inside a leaf");
    container = pfs_take_le64(c);
    if (c->bad || container > UINT32_MAX || memcmp(key.at, path, depth) != 0)
        return damaged(t, "a leaf stands at the wrong place");
    memcpy(n->leaf_key, key.at, KEY_BYTES);
    n->container = (uint32_t)container;
    t->keys++;
    return 0;
}

/* Key bytes lie in groups, each in reverse. */
static uint8_t grouped(struct pfs_slice body, uint32_t i, uint32_t group)
{
    assert(i < body.len);
    return body.at[i / group * group + group - 1 - i % group];
}

/* The children's bytes out of the body of an inner node: NODE_4 and NODE_16 list them, NODE_48 has a slot for each byte
 * that there could be, NODE_256 a bit. */
static int take_bytes(struct tree *t, struct pfs_cursor *c, struct node *n)
{
    static const size_t body_bytes[] = {4, 16, 256, 32};
    struct pfs_slice body;
    uint32_t found = 0;

    if (!pfs_take(c, body_bytes[n->type], &body))
        return damaged(t, "it ends inside a node");
    for (uint32_t i = 0; n->type <= NODE_16 && i < n->count; i++)
        n->byte[i] = grouped(body, i, n->type == NODE_4 ? 4 : 8);
    for (uint32_t b = 0; n->type > NODE_16 && b < 256; b++) {
        uint8_t slot = n->type == NODE_48 ? grouped(body, b, 8) : 0;

        if (n->type == NODE_48 ? slot == NO_SLOT : !(body.at[b / 8] >> b % 8 & 1))
            continue;
        if (found == n->count || slot >= node_room[NODE_48])
            return damaged(t, "a node has more children than it says");
        n->slot[found] = slot;
        n->byte[found++] = (uint8_t)b;
    }
    if (n->type > NODE_16 && found != n->count)
        return damaged(t, "a node has fewer children than it says");
    for (uint32_t i = 1; i < n->count; i++)
        if (n->byte[i] <= n->byte[i - 1])
            return damaged(t, "the children of a node do not ascend");
    return 0;
}

static int take_node(struct tree *t, struct pfs_cursor *c, uint8_t *path, uint32_t depth, struct node **out);

static int take_inner(struct tree *t, struct pfs_cursor *c, uint8_t *path, uint32_t depth, enum node_type type,
                      struct node *n)
{
    uint32_t count = n->count;

    if (count < 2 || count > node_room[type] || depth >= KEY_BYTES)
        return damaged(t, "a node has an impossible number of children");
    n->count = 0;
    PFS_TRY(set_room(t, n, type));
    n->count = count;
    PFS_TRY(take_bytes(t, c, n));
    for (uint32_t i = 0; i < count; i++) {
        path[depth] = n->byte[i];
        PFS_TRY(take_node(t, c, path, depth + 1, &n->child[i]));
    }
    return 0;
}

/* `depth` bytes of the path are known. At most 6 deep, since every inner node takes a byte. */
static int take_node(struct tree *t, struct pfs_cursor *c, uint8_t *path, uint32_t depth, struct node **out)
{
    uint8_t type = pfs_take_u8(c);
    struct node *n = new_node(t);
    struct pfs_slice prefix;

    assert(depth <= KEY_BYTES);
    if (n == NULL)
        return -ENOMEM;
    n->count = pfs_take_le16(c);
    n->prefix_len = pfs_take_u8(c);
    if (type > NODE_LEAF || n->prefix_len > KEY_BYTES - depth || !pfs_take(c, n->prefix_len, &prefix))
        return damaged(t, "a node begins wrongly");
    *out = n;
    n->type = NODE_LEAF;
    if (type == NODE_LEAF)
        return take_leaf(t, c, path, depth, n);
    memcpy(n->prefix, prefix.at, n->prefix_len);
    memcpy(path + depth, prefix.at, n->prefix_len);
    return take_inner(t, c, path, depth + n->prefix_len, (enum node_type)type, n);
}

/* Free places are stored as a byte each, so that their number is bounded by the bytes that are left. */
static int take_containers(struct tree *t, struct pfs_cursor *c)
{
    uint32_t arrays = pfs_take_le32(c);

    pfs_take_u8(c); /* whether the array was trimmed */
    t->capacity = pfs_take_le32(c);
    if (c->bad || arrays != 1 || t->capacity > pfs_left(c))
        return damaged(t, "its containers are not there");
    t->container = pfs_arena_array(t->arena, t->capacity, sizeof(*t->container));
    if (t->container == NULL)
        return pfs_arena_full(t->arena, t->err);
    for (uint32_t i = 0; i < t->capacity; i++) {
        uint8_t form;
        uint32_t count;

        if (pfs_take_u8(c) == 0)
            continue;
        form = pfs_take_u8(c);
        count = pfs_take_le32(c);
        if (c->bad || form > PFS_FORM_ARRAY)
            return damaged(t, "a container is of no known form");
        PFS_TRY(pfs_container_take(c, (enum pfs_container_form)form, count, t->arena, &t->container[i], t->err));
        t->containers = i + 1;
    }
    return pfs_skip(c, 16) ? 0 : damaged(t, "it ends too early"); /* how many there are and where the last one is */
}

/* Every leaf names a container that is there. */
static int check_leaves(const struct tree *t, const struct node *n)
{
    if (n->type == NODE_LEAF)
        return n->container < t->capacity && t->container[n->container].count > 0
                   ? 0
                   : damaged(t, "a leaf names a container that is not there");
    for (uint32_t i = 0; i < n->count; i++)
        PFS_TRY(check_leaves(t, n->child[i]));
    return 0;
}

static int take(struct tree *t, struct pfs_slice in)
{
    struct pfs_cursor c = pfs_cursor_of(in);
    uint8_t path[KEY_BYTES] = {0}, tag = pfs_take_u8(&c);
    uint64_t keys;

    if (c.bad || tag > 1)
        return damaged(t, "its first byte");
    if (tag == 0)
        return 0;
    keys = pfs_take_le64(&c);
    PFS_TRY(take_node(t, &c, path, 0, &t->root));
    if (t->keys != keys)
        return damaged(t, "the number of keys");
    PFS_TRY(take_containers(t, &c));
    return check_leaves(t, t->root);
}

/* ---- inserting ---- */

static int new_leaf(struct tree *t, const uint8_t *key, const struct pfs_container *container, struct node **out)
{
    struct node *n = new_node(t);

    if (n == NULL)
        return -ENOMEM;
    if (t->containers == t->capacity) {
        uint32_t more = t->capacity + t->capacity / 2;
        struct pfs_container *moved;

        more = more > t->capacity ? more : t->capacity + 1;
        moved = pfs_arena_array(t->arena, more, sizeof(*moved));
        if (moved == NULL)
            return pfs_arena_full(t->arena, t->err);
        if (t->capacity > 0)
            memcpy(moved, t->container, t->capacity * sizeof(*moved));
        t->container = moved;
        t->capacity = more;
    }
    assert(t->containers < t->capacity);
    n->type = NODE_LEAF;
    memcpy(n->leaf_key, key, KEY_BYTES);
    n->container = t->containers;
    t->container[t->containers++] = *container;
    t->keys++;
    *out = n;
    return 0;
}

/* A node of two in the place of one: `old` under its byte, the new leaf under its. */
static int split(struct tree *t, struct node **place, const uint8_t *prefix, uint32_t len, uint8_t old_byte,
                 uint8_t new_byte, struct node *leaf)
{
    struct node *n = new_node(t);

    assert(old_byte != new_byte);
    assert(len < KEY_BYTES);
    if (n == NULL)
        return -ENOMEM;
    PFS_TRY(set_room(t, n, NODE_4));
    n->prefix_len = (uint8_t)len;
    memcpy(n->prefix, prefix, len);
    PFS_TRY(add_child(t, n, old_byte, *place));
    PFS_TRY(add_child(t, n, new_byte, leaf));
    *place = n;
    return 0;
}

static uint32_t common(const uint8_t *a, const uint8_t *b, uint32_t most)
{
    uint32_t n = 0;

    while (n < most && a[n] == b[n])
        n++;
    return n;
}

/* Walks down as far as the key agrees. It ends at a leaf of the same key (united), where a prefix or a leaf's key
 * differs (a node of two takes its place), or at a node that lacks the next byte (a child more). */
static int insert(struct tree *t, const uint8_t *key, const struct pfs_container *container)
{
    struct node **place = &t->root;
    uint32_t depth = 0;

    assert(container->count > 0);
    while (*place != NULL) {
        struct node *n = *place, *leaf;
        bool is_leaf = n->type == NODE_LEAF;
        const uint8_t *have = is_leaf ? n->leaf_key + depth : n->prefix;
        uint32_t len = is_leaf ? KEY_BYTES - depth : n->prefix_len, same = common(have, key + depth, len), at;

        if (is_leaf && same == len)
            return pfs_container_union(&t->container[n->container], container, t->arena, &t->container[n->container],
                                       t->err);
        if (same < len) {
            uint8_t byte = have[same], prefix[KEY_BYTES];

            memcpy(prefix, have, same);
            PFS_TRY(new_leaf(t, key, container, &leaf));
            if (!is_leaf) {
                n->prefix_len = (uint8_t)(len - same - 1);
                memmove(n->prefix, n->prefix + same + 1, n->prefix_len);
            }
            return split(t, place, prefix, same, byte, key[depth + same], leaf);
        }
        depth += len;
        assert(depth < KEY_BYTES);
        at = place_of(n, key[depth]);
        if (at == n->count || n->byte[at] != key[depth]) {
            PFS_TRY(new_leaf(t, key, container, &leaf));
            return add_child(t, n, key[depth], leaf);
        }
        place = &n->child[at];
        depth++;
    }
    return new_leaf(t, key, container, place);
}

/* All of another tree, by ascending keys. */
static int insert_all(struct tree *t, const struct tree *from, const struct node *n)
{
    if (n->type == NODE_LEAF)
        return insert(t, n->leaf_key, &from->container[n->container]);
    for (uint32_t i = 0; i < n->count; i++)
        PFS_TRY(insert_all(t, from, n->child[i]));
    return 0;
}

/* ---- putting ---- */

static void put_body(const struct node *n, struct pfs_buf *out)
{
    uint8_t body[256] = {0};
    size_t len = n->type == NODE_4 ? 4 : n->type == NODE_16 ? 16 : n->type == NODE_48 ? 256 : 32;
    uint32_t group = n->type == NODE_4 ? 4 : 8;

    assert(n->type < NODE_LEAF);
    assert(n->count <= node_room[n->type]);
    if (n->type == NODE_48)
        memset(body, NO_SLOT, sizeof(body));
    for (uint32_t i = 0; i < n->count; i++) {
        uint32_t at = n->type == NODE_48 ? n->byte[i] : i;

        if (n->type == NODE_256)
            body[n->byte[i] / 8] |= (uint8_t)(1u << n->byte[i] % 8);
        else
            body[at / group * group + group - 1 - at % group] = n->type == NODE_48 ? n->slot[i] : n->byte[i];
    }
    pfs_buf_put(out, body, len);
}

static void put_node(const struct node *n, struct pfs_buf *out)
{
    pfs_buf_putc(out, (uint8_t)n->type);
    pfs_buf_putc(out, (uint8_t)n->count);
    pfs_buf_putc(out, (uint8_t)(n->count >> 8));
    pfs_buf_putc(out, n->prefix_len);
    pfs_buf_put(out, n->prefix, n->prefix_len);
    if (n->type == NODE_LEAF) {
        pfs_buf_put(out, n->leaf_key, KEY_BYTES);
        pfs_buf_le64(out, n->container);
        return;
    }
    put_body(n, out);
    for (uint32_t i = 0; i < n->count; i++)
        put_node(n->child[i], out);
}

static void put(struct tree *t, struct pfs_buf *out)
{
    uint64_t used = 0;

    pfs_buf_putc(out, t->root != NULL);
    if (t->root == NULL)
        return;
    assert(t->containers > 0); /* a tree has a leaf, and that a container */
    pfs_buf_le64(out, t->keys);
    put_node(t->root, out);
    pfs_buf_le32(out, 1);
    pfs_buf_putc(out, 0xfe);
    pfs_buf_le32(out, t->capacity);
    for (uint32_t i = 0; i < t->capacity; i++) {
        struct pfs_container *c = &t->container[i];

        pfs_buf_putc(out, c->count > 0);
        if (c->count == 0)
            continue;
        used++;
        pfs_container_optimize(c);
        pfs_buf_putc(out, (uint8_t)pfs_container_form(c));
        pfs_buf_le32(out, c->count);
        pfs_container_put(c, out);
    }
    pfs_buf_le64(out, used);
    pfs_buf_le32(out, 0);
    pfs_buf_le32(out, t->containers - 1);
}

/* The newer one's keys go into the older one's tree, in their order: the other way round would give another tree. */
int pfs_rbm64_union(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                    struct pfs_err *err)
{
    struct tree a = {.arena = scratch, .err = err}, b = {.arena = scratch, .err = err};

    PFS_TRY(take(&a, acc));
    PFS_TRY(take(&b, in));
    if (b.root != NULL)
        PFS_TRY(insert_all(&a, &b, b.root));
    put(&a, out);
    return pfs_buf_check(out, err);
}

/* ---- to and from row positions ---- */

static uint64_t base_of(const struct node *leaf)
{
    uint64_t key = 0;

    for (int i = 0; i < KEY_BYTES; i++)
        key = key << 8 | leaf->leaf_key[i];
    return key << 16;
}

static int add_values(const struct tree *t, const struct node *n, struct pfs_bitmap *into)
{
    if (n->type == NODE_LEAF)
        return pfs_container_add_to(&t->container[n->container], base_of(n), into, t->err);
    for (uint32_t i = 0; i < n->count; i++)
        PFS_TRY(add_values(t, n->child[i], into));
    return 0;
}

static int add_narrow(struct pfs_slice in, struct pfs_bitmap *into, struct pfs_err *err)
{
    struct pfs_bitmap *narrow;
    int rc;

    PFS_TRY(pfs_bitmap_parse32(in, NULL, &narrow, err));
    rc = pfs_bitmap_or(into, narrow, err);
    pfs_bitmap_free(narrow);
    return rc;
}

int pfs_rbm_add_to(struct pfs_slice in, struct pfs_arena *scratch, struct pfs_bitmap *into, bool *wide,
                   struct pfs_err *err)
{
    struct tree t = {.arena = scratch, .err = err};

    *wide = in.len == 0 || in.at[0] <= 1; /* the other form begins with its cookie */
    if (!*wide)
        return add_narrow(in, into, err);
    PFS_TRY(take(&t, in));
    return t.root == NULL ? 0 : add_values(&t, t.root, into);
}

#define CONTAINER_VALUES 65536

/* The values from `from` on that share its high bits. */
static int64_t values_at(const struct pfs_bitmap *bitmap, uint64_t from, uint64_t *out)
{
    uint64_t last = from | (CONTAINER_VALUES - 1);
    int64_t count = pfs_bitmap_values(bitmap, from, last, out, CONTAINER_VALUES);

    if (pfs_bitmap_has(bitmap, last))
        out[count++] = last;
    assert(count >= 1 && count <= CONTAINER_VALUES);
    return count;
}

/* The first value from `from` on. */
static bool next_value(const struct pfs_bitmap *bitmap, uint64_t from, uint64_t *out)
{
    *out = UINT64_MAX;
    return pfs_bitmap_values(bitmap, from, UINT64_MAX, out, 1) > 0 || pfs_bitmap_has(bitmap, UINT64_MAX);
}

static int insert_values(struct tree *t, const struct pfs_bitmap *bitmap, uint64_t *value)
{
    struct pfs_container container;
    uint64_t from = 0, first;
    bool more = true;

    while (more && next_value(bitmap, from, &first)) {
        uint64_t high = first & ~(uint64_t)(CONTAINER_VALUES - 1);
        uint8_t key[KEY_BYTES];

        for (int i = 0; i < KEY_BYTES; i++)
            key[i] = (uint8_t)(high >> (56 - 8 * i));
        PFS_TRY(pfs_container_make(value, (uint32_t)values_at(bitmap, high, value), t->arena, &container, t->err));
        PFS_TRY(insert(t, key, &container));
        from = high + CONTAINER_VALUES;
        more = from != 0;
    }
    return 0;
}

int pfs_rbm64_print(const struct pfs_bitmap *bitmap, struct pfs_arena *scratch, struct pfs_buf *out,
                    struct pfs_err *err)
{
    struct tree t = {.arena = scratch, .err = err};
    uint64_t *value = pfs_arena_array(scratch, CONTAINER_VALUES, sizeof(*value));

    if (value == NULL)
        return pfs_arena_full(scratch, err);
    PFS_TRY(insert_values(&t, bitmap, value));
    put(&t, out);
    return pfs_buf_check(out, err);
}
