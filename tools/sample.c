/* sample.c - demo: a small warehouse that shows the merge engines, made by statements and appends alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "src/statement/statement.h"
#include "tools/commands.h"
#include "tools/session.h"

static const char statements[] =
    "CREATE DATABASE IF NOT EXISTS shop;\n"
    "CREATE TABLE IF NOT EXISTS shop.orders (\n"
    "  order_id BIGINT COMMENT 'one row an order: the newest wins', status STRING, amount DECIMAL(10, 2),\n"
    "  updated_at TIMESTAMP(3), PRIMARY KEY (order_id) NOT ENFORCED\n"
    ") WITH ('bucket' = '2');\n"
    "CREATE TABLE IF NOT EXISTS shop.order_wide (\n"
    "  order_id BIGINT, customer STRING, device STRING, paid DECIMAL(10, 2),\n"
    "  PRIMARY KEY (order_id) NOT ENFORCED\n"
    ") COMMENT 'several streams fill one row' WITH ('bucket' = '1', 'merge-engine' = 'partial-update');\n"
    "CREATE TABLE IF NOT EXISTS shop.daily (\n"
    "  dt DATE, product STRING, quantity BIGINT, revenue DECIMAL(12, 2), dearest DECIMAL(12, 2),\n"
    "  PRIMARY KEY (dt, product) NOT ENFORCED\n"
    ") PARTITIONED BY (dt) WITH ('bucket' = '1', 'merge-engine' = 'aggregation',\n"
    "  'fields.quantity.aggregate-function' = 'sum', 'fields.revenue.aggregate-function' = 'sum',\n"
    "  'fields.dearest.aggregate-function' = 'max');\n";

static const struct {
    const char *path, *rows;
} appends[] = {
    {"shop/orders/inbox@demo:1", "order_id,status,amount,updated_at\n1,new,19.90,2026-11-20 08:00:00.000\n"
                                 "2,new,5.00,2026-11-20 08:01:00.000\n3,new,120.00,2026-11-20 08:02:00.000\n"},
    {"shop/orders/inbox@demo:2", "order_id,status,amount,updated_at\n1,paid,19.90,2026-11-20 09:00:00.000\n"
                                 "3,paid,99.00,2026-11-20 09:05:00.000\n"},
    {"shop/order_wide/inbox@demo:1", "order_id,customer\n1,Ada\n2,Grace\n"},
    {"shop/order_wide/inbox@demo:2", "order_id,device\n1,phone\n2,laptop\n"},
    {"shop/order_wide/inbox@demo:3", "order_id,paid\n1,19.90\n"},
    {"shop/daily/inbox@demo:1", "dt,product,quantity,revenue,dearest\n2026-11-20,tea,3,12.00,4.00\n"
                                "2026-11-20,cup,1,9.50,9.50\n2026-11-21,tea,1,4.00,4.00\n"},
    {"shop/daily/inbox@demo:2", "dt,product,quantity,revenue,dearest\n2026-11-20,tea,2,9.00,4.50\n"},
};

/* Under numbers of their own: a demo that is made again commits nothing twice. */
static int append(struct session *s, const char *path, const char *rows, struct pfs_err *err)
{
    struct pfs_waiting waiting;
    struct pfs_opened file;
    struct pfs_entry entry;
    int64_t rc;

    PFS_TRY(pfs_waiting_init(&waiting, err));
    rc = pfs_tree_walk(s->tree, path, &entry, err);
    if (rc == 0) {
        pfs_tree_open_file(s->tree, &waiting.request, entry.node, O_WRONLY | O_APPEND, &file);
        rc = pfs_waiting_result(&waiting, err);
    }
    if (rc == 0) {
        int64_t released;

        pfs_tree_write(s->tree, &waiting.request, file.handle, 0, pfs_str(rows));
        rc = pfs_waiting_result(&waiting, err);
        pfs_tree_release(s->tree, &waiting.request, file.handle);
        released = pfs_waiting_result(&waiting, rc < 0 ? NULL : err);
        rc = rc < 0 ? rc : released;
        pfs_tree_forget(s->tree, entry.node, 1);
    }
    pfs_waiting_done(&waiting);
    return (int)rc;
}

/* Appends of a user's own numbers, one snapshot each. */
static int make(struct session *s, struct pfs_err *err)
{
    struct pfs_buf answer = {0};
    int rc = pfs_catalog_execute(s->catalog, NULL, pfs_str(statements), &answer, err);

    pfs_buf_done(&answer);
    for (size_t i = 0; rc == 0 && i < sizeof(appends) / sizeof(appends[0]); i++)
        rc = append(s, appends[i].path, appends[i].rows, err);
    return rc;
}

/* A directory that is there already is made use of, so that a demo can be shown twice. */
int command_demo(int argc, char **argv)
{
    struct session_config config = {0};
    struct pfs_err err = {0};
    struct session session;
    int rc;

    if (argc != 1)
        return usage_error("demo needs a directory");
    if (mkdir(argv[0], 0777) < 0 && errno != EEXIST)
        return command_failed(argv[0], -errno, NULL);
    config.warehouse = argv[0];
    rc = session_open(&config, &session, &err);
    if (rc < 0)
        return command_failed(argv[0], rc, &err);
    rc = make(&session, &err);
    if (rc == 0)
        rc = pfs_tree_finish(session.tree, &err);
    session_close(&session);
    if (rc < 0)
        return command_failed(argv[0], rc, &err);
    printf("%s: shop/orders (deduplicate), shop/order_wide (partial-update), shop/daily (aggregation, partitioned)\n",
           argv[0]);
    return 0;
}
