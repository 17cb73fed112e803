/* envelope.c - change data capture: from one envelope of Debezium, Canal or Maxwell to the rows that it carries.
 *
 * Each kind of envelope is a list of members that matter. Row images are read as rows are, into the next rows of the
 * run; images of one update are compared by the primary key, as their source spells it.
 *
 *   Debezium  {"op": c r u d, "before": row, "after": row}, perhaps below "payload" beside a "schema"
 *   Canal     {"type": INSERT UPDATE DELETE, "data": [row ...], "old": [changed members ...]}
 *   Maxwell   {"type": insert update delete, "data": row, "old": changed members}
 *
 * An envelope is taken whole or not at all: when its rows do not fit behind those of the run, it waits for the next
 * one.
 */
#include <assert.h>

#include "base/utf8.h"
#include "format/text/parse.h"

enum member { PAYLOAD, SCHEMA, OP, BEFORE, AFTER, DATA, OLD, TYPE, IS_DDL, MEMBERS };

static const char *const member_names[MEMBERS] = {
    [PAYLOAD] = "payload", [SCHEMA] = "schema", [OP] = "op",     [BEFORE] = "before", [AFTER] = "after",
    [DATA] = "data",       [OLD] = "old",       [TYPE] = "type", [IS_DDL] = "isDdl",
};

struct members {
    struct pfs_cell cell[MEMBERS]; /* form NULL: is null or not there */
};

static int read_members(struct pfs_text_parser *p, struct pfs_slice text, struct members *out)
{
    struct pfs_cell key, value;
    struct pfs_json json;
    int more;

    *out = (struct members){0};
    PFS_TRY(pfs_json_open(&json, text, '{', &p->err));
    while ((more = pfs_json_member(&json, &key, &value, &p->err)) > 0)
        for (int i = 0; i < MEMBERS; i++)
            if (pfs_slice_eq(pfs_cell_text(&key), pfs_str(member_names[i])))
                out->cell[i] = value;
    return more;
}

static bool is_text(const struct pfs_cell *cell, const char *text)
{
    return cell->form != PFS_CELL_NULL && pfs_slice_eq(pfs_cell_text(cell), pfs_str(text));
}

/* ---- rows of the run ---- */

static void set_kind(struct pfs_text_parser *p, int32_t row, const char *kind)
{
    assert(row >= 0 && row < p->rows_max);
    assert(kind[0] != '\0' && kind[1] != '\0' && kind[2] == '\0');
    p->slot[p->parse.columns][row] = (struct pfs_cell){(const uint8_t *)kind, 2, PFS_CELL_QUOTED};
}

static int add_row(struct pfs_text_parser *p, const struct pfs_cell *image, const char *kind, const char *what)
{
    assert(p->rows < p->rows_max); /* room was made before the envelope's first row */
    if (image->form != PFS_CELL_OBJECT)
        return pfs_fail(&p->err, EINVAL, "%s is no object", what);
    PFS_TRY(pfs_json_row(p, pfs_cell_text(image), true));
    set_kind(p, p->rows++, kind);
    return 0;
}

/* Do the rows have one primary key? What an image lacks of it has not changed. */
static bool same_key(const struct pfs_text_parser *p, int32_t before, int32_t after)
{
    for (int32_t k = 0; k < p->parse.keys; k++) {
        const struct pfs_cell *cells = p->slot[p->parse.key[k]];

        assert(p->parse.key[k] >= 0 && p->parse.key[k] < p->parse.columns);
        if (cells[before].form != PFS_CELL_NULL &&
            !pfs_slice_eq(pfs_cell_text(&cells[before]), pfs_cell_text(&cells[after])))
            return false;
    }
    return true;
}

/* The last two rows are the images of an update: one +U, or a -D of the old key (what its image lacks is as it is now)
 * and a +I. */
static void end_update(struct pfs_text_parser *p)
{
    int32_t before = p->rows - 2, after = p->rows - 1;

    assert(before >= 0);
    if (same_key(p, before, after)) {
        for (int32_t i = 0; i < p->parse.columns; i++)
            p->slot[i][before] = p->slot[i][after];
        set_kind(p, before, "+U");
        p->rows = after;
        return;
    }
    for (int32_t i = 0; i < p->parse.columns; i++)
        if (p->slot[i][before].form == PFS_CELL_NULL)
            p->slot[i][before] = p->slot[i][after];
    set_kind(p, before, "-D");
    set_kind(p, after, "+I");
}

static int skip(struct pfs_text_parser *p)
{
    p->now.skipped++;
    return 0;
}

/* ---- Debezium: before, after, op ---- */

static int debezium_update(struct pfs_text_parser *p, const struct members *m)
{
    if (m->cell[BEFORE].form != PFS_CELL_OBJECT || p->parse.keys == 0)
        return add_row(p, &m->cell[AFTER], "+U", "\"after\" of an update");
    PFS_TRY(add_row(p, &m->cell[BEFORE], "-D", "\"before\""));
    PFS_TRY(add_row(p, &m->cell[AFTER], "+I", "\"after\" of an update"));
    end_update(p);
    return 0;
}

static int debezium(struct pfs_text_parser *p, struct members *m)
{
    bool wrapped = m->cell[PAYLOAD].form == PFS_CELL_OBJECT;

    if (wrapped) {
        if (m->cell[SCHEMA].form == PFS_CELL_OBJECT)
            PFS_TRY(pfs_source_types_read(p, pfs_cell_text(&m->cell[SCHEMA])));
        if (p->full)
            return 0;
        PFS_TRY(read_members(p, pfs_cell_text(&m->cell[PAYLOAD]), m));
    }
    if (m->cell[OP].form == PFS_CELL_NULL) {
        if (m->cell[AFTER].form == PFS_CELL_OBJECT || m->cell[BEFORE].form == PFS_CELL_OBJECT)
            return pfs_fail(&p->err, EINVAL, "a Debezium envelope without \"op\"");
        return skip(p); /* schema changes, transactions, heartbeats */
    }
    if (is_text(&m->cell[OP], "c") || is_text(&m->cell[OP], "r"))
        return add_row(p, &m->cell[AFTER], "+I", "\"after\"");
    if (is_text(&m->cell[OP], "u"))
        return debezium_update(p, m);
    if (is_text(&m->cell[OP], "d"))
        return add_row(p, &m->cell[BEFORE], "-D", "\"before\" of a delete (in PostgreSQL set REPLICA IDENTITY FULL)");
    if (is_text(&m->cell[OP], "t") || is_text(&m->cell[OP], "m"))
        return skip(p);
    return pfs_fail(&p->err, EINVAL, "\"%.*s\" is no \"op\" of Debezium",
                    m->cell[OP].len > 100 ? 100 : (int)m->cell[OP].len, (const char *)m->cell[OP].at);
}

/* ---- Canal and Maxwell: type, data, old ---- */

/* The row image `data`, and before it what it was: `data` overlaid by `old`, which has what changed. */
static int changed_row(struct pfs_text_parser *p, const struct pfs_cell *data, const struct pfs_cell *old)
{
    if (old->form != PFS_CELL_OBJECT || p->parse.keys == 0)
        return add_row(p, data, "+U", "\"data\"");
    PFS_TRY(add_row(p, old, "-D", "\"old\""));
    PFS_TRY(add_row(p, data, "+I", "\"data\""));
    end_update(p);
    return 0;
}

static int counted(struct pfs_text_parser *p, const struct pfs_cell *array, int64_t *out)
{
    struct pfs_cell value;
    struct pfs_json json;
    int more;

    *out = 0;
    PFS_TRY(pfs_json_open(&json, pfs_cell_text(array), '[', &p->err));
    while ((more = pfs_json_element(&json, &value, &p->err)) > 0)
        ++*out;
    return more;
}

/* Room for so many rows: 1; 0 with p->full: in the next run. */
static int make_room(struct pfs_text_parser *p, int64_t rows)
{
    assert(rows >= 0);
    assert(p->rows <= p->rows_max);
    if (rows <= p->rows_max - p->rows)
        return 1;
    if (p->rows > 0) {
        p->full = true;
        return 0;
    }
    PFS_TRY(pfs_text_cells_grow(p, p->parse.columns + 1, rows));
    return 1;
}

static int canal_rows(struct pfs_text_parser *p, const struct members *m, const char *kind, bool update)
{
    struct pfs_cell data, old = {0};
    struct pfs_json rows, olds = {0};
    bool more_olds = update && m->cell[OLD].form == PFS_CELL_ARRAY;
    int more;

    PFS_TRY(pfs_json_open(&rows, pfs_cell_text(&m->cell[DATA]), '[', &p->err));
    if (more_olds)
        PFS_TRY(pfs_json_open(&olds, pfs_cell_text(&m->cell[OLD]), '[', &p->err));
    while ((more = pfs_json_element(&rows, &data, &p->err)) > 0) {
        if (more_olds) {
            int got = pfs_json_element(&olds, &old, &p->err);

            if (got < 0)
                return got;
            more_olds = got > 0;
        }
        if (!more_olds)
            old = (struct pfs_cell){0};
        PFS_TRY(update ? changed_row(p, &data, &old) : add_row(p, &data, kind, "an element of \"data\""));
    }
    return more;
}

static int canal(struct pfs_text_parser *p, struct members *m)
{
    bool insert = is_text(&m->cell[TYPE], "INSERT"), update = is_text(&m->cell[TYPE], "UPDATE"),
         delete = is_text(&m->cell[TYPE], "DELETE");
    int64_t rows;
    int room;

    if (m->cell[TYPE].form == PFS_CELL_NULL)
        return pfs_fail(&p->err, EINVAL, "a Canal envelope without \"type\"");
    if (is_text(&m->cell[IS_DDL], "true") || (!insert && !update && !delete) || m->cell[DATA].form == PFS_CELL_NULL)
        return skip(p);
    if (m->cell[DATA].form != PFS_CELL_ARRAY)
        return pfs_fail(&p->err, EINVAL, "\"data\" of Canal is no array");
    PFS_TRY(counted(p, &m->cell[DATA], &rows));
    room = make_room(p, update ? 2 * rows : rows);
    return room <= 0 ? room : canal_rows(p, m, delete ? "-D" : "+I", update);
}

static int maxwell(struct pfs_text_parser *p, struct members *m)
{
    if (m->cell[TYPE].form == PFS_CELL_NULL)
        return pfs_fail(&p->err, EINVAL, "a Maxwell envelope without \"type\"");
    if (is_text(&m->cell[TYPE], "insert") || is_text(&m->cell[TYPE], "bootstrap-insert"))
        return add_row(p, &m->cell[DATA], "+I", "\"data\"");
    if (is_text(&m->cell[TYPE], "update"))
        return changed_row(p, &m->cell[DATA], &m->cell[OLD]);
    if (is_text(&m->cell[TYPE], "delete"))
        return add_row(p, &m->cell[DATA], "-D", "\"data\"");
    return skip(p);
}

/* ---- all of them ---- */

int pfs_envelope_rows(struct pfs_text_parser *p, struct pfs_slice text)
{
    static int (*const kinds[])(struct pfs_text_parser *, struct members *) = {
        [PFS_ENVELOPE_DEBEZIUM] = debezium,
        [PFS_ENVELOPE_CANAL] = canal,
        [PFS_ENVELOPE_MAXWELL] = maxwell,
    };
    int32_t first = p->rows;
    int64_t skipped = p->now.skipped;
    struct members m;
    int rc = make_room(p, 2); /* what one image, or the two of an update, need; Canal asks for more */

    assert(p->parse.envelope > PFS_ENVELOPE_NONE && p->parse.envelope <= PFS_ENVELOPE_MAXWELL);
    if (rc <= 0)
        return rc;
    PFS_TRY(read_members(p, text, &m));
    rc = kinds[p->parse.envelope](p, &m);
    if (rc == 0 && p->rows == first && !p->full && pfs_utf8_check(text) < text.len) /* rows are checked later */
        rc = pfs_fail(&p->err, EILSEQ, "the text is not UTF-8; try iconv -t UTF-8");
    if (rc < 0) {
        p->rows = first;
        p->now.skipped = skipped;
        return rc;
    }
    assert(!p->full || p->rows == first);
    for (int32_t i = first; i < p->rows; i++)
        p->row_at[i] = text.at;
    return 0;
}
