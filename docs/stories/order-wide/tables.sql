-- The streams as they come from the databases of four systems: the newest image of each row.
CREATE DATABASE IF NOT EXISTS shop;
CREATE TABLE shop.orders (
    order_id BIGINT COMMENT '订单号',
    user_id BIGINT COMMENT '用户',
    status STRING COMMENT '订单状态',
    amount DECIMAL(10, 2) COMMENT '订单金额',
    order_ts TIMESTAMP(3) COMMENT '更新时间',
    PRIMARY KEY (order_id) NOT ENFORCED
) COMMENT '订单流' WITH ('bucket' = '1', 'sequence.field' = 'order_ts');
CREATE TABLE shop.devices (
    order_id BIGINT COMMENT '订单号',
    device_model STRING COMMENT '机型',
    app_version STRING COMMENT '客户端版本',
    device_ts TIMESTAMP(3) COMMENT '上报时间',
    PRIMARY KEY (order_id) NOT ENFORCED
) COMMENT '设备流' WITH ('bucket' = '1', 'sequence.field' = 'device_ts');
CREATE TABLE shop.coupons (
    order_id BIGINT COMMENT '订单号',
    coupon_id BIGINT COMMENT '优惠券',
    discount DECIMAL(10, 2) COMMENT '抵扣金额',
    coupon_ts TIMESTAMP(3) COMMENT '核销时间',
    PRIMARY KEY (order_id) NOT ENFORCED
) COMMENT '优惠券流' WITH ('bucket' = '1', 'sequence.field' = 'coupon_ts');
CREATE TABLE shop.refunds (
    order_id BIGINT COMMENT '订单号',
    refund_ts TIMESTAMP(3) COMMENT '退款时间',
    refund_id BIGINT COMMENT '退款单号',
    refund DECIMAL(10, 2) COMMENT '退款金额',
    reason STRING COMMENT '退款原因',
    PRIMARY KEY (refund_id) NOT ENFORCED
) COMMENT '退款流' WITH ('bucket' = '1', 'changelog-producer' = 'input');

-- One row an order, filled by all four: each stream brings the columns of its group, and the group's own time says which
-- of two values is the newer one, whatever comes first.
CREATE TABLE shop.order_wide (
    order_id BIGINT COMMENT '订单号',
    user_id BIGINT COMMENT '用户',
    status STRING COMMENT '订单状态',
    amount DECIMAL(10, 2) COMMENT '订单金额',
    order_ts TIMESTAMP(3) COMMENT '订单更新时间',
    device_model STRING COMMENT '机型',
    app_version STRING COMMENT '客户端版本',
    device_ts TIMESTAMP(3) COMMENT '设备上报时间',
    coupon_id BIGINT COMMENT '优惠券',
    discount DECIMAL(10, 2) COMMENT '抵扣金额',
    coupon_ts TIMESTAMP(3) COMMENT '优惠券核销时间',
    refunds ARRAY<ROW<refund_id BIGINT, refund DECIMAL(10, 2), reason STRING>> COMMENT '退款明细',
    refund_ts TIMESTAMP(3) COMMENT '退款时间',
    PRIMARY KEY (order_id) NOT ENFORCED
) COMMENT '订单宽表' WITH (
    'connector' = 'paimon',
    'bucket' = '2',
    'merge-engine' = 'partial-update',
    'changelog-producer' = 'lookup',
    'fields.order_ts.sequence-group' = 'user_id,status,amount',
    'fields.device_ts.sequence-group' = 'device_model,app_version',
    'fields.coupon_ts.sequence-group' = 'coupon_id,discount',
    'fields.refund_ts.sequence-group' = 'refunds',
    'fields.refunds.aggregate-function' = 'nested_update',
    'fields.refunds.nested-key' = 'refund_id'
);

-- Downstream of it: what the orders of each status are worth. Old images in the changelog are taken away again.
CREATE TABLE shop.status_totals (
    status STRING COMMENT '订单状态',
    orders BIGINT COMMENT '订单数',
    amount DECIMAL(18, 2) COMMENT '金额合计',
    PRIMARY KEY (status) NOT ENFORCED
) COMMENT '状态汇总' WITH (
    'bucket' = '1',
    'merge-engine' = 'aggregation',
    'fields.orders.aggregate-function' = 'sum',
    'fields.amount.aggregate-function' = 'sum'
);
